/**
 * Landmarks as OHIF's own measurements: they are in its list, can be dragged, undone and stored as a report.
 *
 * A label's rows are the truth. `show` makes the measurements of an image agree with them; what somebody does to the
 * measurements is told, and goes into the rows.
 */
import { isPlaced } from './review.js';
import { imageOf, toPixel, toWorld, viewportsOf } from './viewing.js';

/** @typedef {import('./label.js').Label} Label */
/** @typedef {import('./review.js').Row} Row */

export const TOOL = 'Probe';
const SOURCE = ['Cornerstone3DTools', '0.1'];
const NEAR_MM = 1e-6;

export class Points {
  /** @type {Map<string, {label: Label, row: Row}>} by the measurement's UID, also of one that undoing may bring back */
  #known = new Map();
  /** @type {Map<Row, string>} */
  #uids = new Map();
  #busy = false;
  #subscriptions = [];

  /**
   * @param {{services: object, extensionManager: object, commandsManager: object}} managers OHIF's
   * @param {{moved: (label: Label, row: Row, pixel: object) => void, removed: (label: Label, row: Row) => void}} hands
   *   what is told of what somebody does to points.
   */
  constructor({ services, extensionManager, commandsManager }, hands) {
    this.services = services;
    this.extensionManager = extensionManager;
    this.commandsManager = commandsManager;
    this.hands = hands;
  }

  /** Listen to OHIF. */
  enter() {
    const { measurementService } = this.services;
    const { MEASUREMENT_ADDED, MEASUREMENT_UPDATED, MEASUREMENT_REMOVED, MEASUREMENTS_CLEARED } =
      measurementService.EVENTS;
    const on = (event, call) => this.#subscriptions.push(measurementService.subscribe(event, call));
    on(MEASUREMENT_ADDED, ({ measurement }) => this.#moved(measurement.uid)); // undone
    on(MEASUREMENT_UPDATED, ({ measurement }) => this.#moved(measurement.uid));
    on(MEASUREMENT_REMOVED, ({ measurement }) => this.#removed(measurement));
    on(MEASUREMENTS_CLEARED, ({ measurements }) =>
      Object.values(measurements).forEach(({ uid }) => this.#removed(uid)),
    );
  }

  /** OHIF takes all measurements away; rows stay what they are. */
  leave() {
    this.#subscriptions.splice(0).forEach(({ unsubscribe }) => unsubscribe());
    this.#known.clear();
    this.#uids.clear();
  }

  /**
   * The UID of a landmark's measurement; undefined where it has none.
   * @param {Row} row
   */
  uidOf(row) {
    return this.#uids.get(row);
  }

  /**
   * Make the measurements of the image agree with its label.
   * @param {Label} label
   * @param {import('./viewing.js').Shown} shown the label's image
   */
  show(label, shown) {
    this.#busy = true;
    try {
      this.#asOne(() => label.rows.forEach(row => this.#agree(label, row, shown)));
    } finally {
      this.#busy = false;
    }
    viewportsOf(this.services, label.image).forEach(({ viewport }) => viewport.render());
  }

  /**
   * Take a label's measurements away: another takes its place.
   * @param {Label} label
   */
  hide(label) {
    this.#busy = true;
    try {
      const uids = label.rows.map(row => this.#present(row)).filter(Boolean);
      this.#asOne(() => uids.forEach(uid => this.services.measurementService.remove(uid)));
      label.rows.forEach(row => {
        this.#known.delete(this.#uids.get(row));
        this.#uids.delete(row);
      });
    } finally {
      this.#busy = false;
    }
  }

  /** The UID of a row's measurement, where OHIF has it now. */
  #present(row) {
    const uid = this.#uids.get(row);
    return uid && this.services.measurementService.getMeasurement(uid) ? uid : undefined;
  }

  #agree(label, row, shown) {
    const uid = this.#present(row);
    if (!isPlaced(row)) {
      if (uid) {
        this.services.measurementService.remove(uid);
      }
      return;
    }
    const world = toWorld(shown, row);
    if (!uid) {
      this.#add(label, row, world, shown);
      return;
    }
    const annotation = annotationOf(uid);
    if (annotation && distance(annotation.data.handles.points[0], world) > NEAR_MM) {
      annotation.data.handles.points[0] = world;
      annotation.invalidated = true; // the tool computes anew what OHIF's list tells, and says so
    }
  }

  #add(label, row, world, { imageId, viewport }) {
    const { measurementService } = this.services;
    // the same UID again, so that undoing finds it
    const uid = this.#uids.get(row) ?? window.cornerstone.utilities.uuidv4();
    const { viewPlaneNormal, viewUp } = viewport.getCamera();
    const annotation = {
      annotationUID: uid,
      metadata: {
        toolName: TOOL,
        referencedImageId: imageId,
        FrameOfReferenceUID: viewport.getFrameOfReferenceUID(),
        viewPlaneNormal,
        viewUp,
      },
      data: {
        label: row.name,
        cachedStats: {},
        handles: { points: [world], activeHandleIndex: null, textBox: { hasMoved: false } },
      },
    };
    this.#known.set(uid, { label, row });
    this.#uids.set(row, uid);
    const source = measurementService.getSource(...SOURCE);
    const { toMeasurementSchema } = measurementService
      .getSourceMappings(...SOURCE)
      .find(mapping => mapping.annotationType === TOOL);
    const [dataSource] = this.extensionManager.getActiveDataSource();
    // `id` is what OHIF before 3.11 calls `uid`
    measurementService.addRawMeasurement(source, TOOL, { id: uid, uid, annotation }, toMeasurementSchema, dataSource);
  }

  /** One step for OHIF's undo, where it has one. */
  #asOne(change) {
    const run = name => this.commandsManager.getCommand(name) && this.commandsManager.runCommand(name);
    run('startRecordingForAnnotationGroup');
    try {
      change();
    } finally {
      run('endRecordingForAnnotationGroup');
    }
  }

  #moved(uid) {
    const known = this.#known.get(uid);
    const annotation = known && !this.#busy && annotationOf(uid);
    if (!annotation || imageOf(annotation.metadata.referencedImageId) !== known.label.image) {
      return;
    }
    const [shown] = viewportsOf(this.services, known.label.image);
    if (shown) {
      this.hands.moved(known.label, known.row, toPixel(shown, annotation.data.handles.points[0]));
    }
  }

  #removed(uid) {
    const known = !this.#busy && this.#known.get(uid);
    if (known) {
      this.hands.removed(known.label, known.row);
    }
  }
}

/** @param {string} uid */
export function annotationOf(uid) {
  return window.cornerstoneTools.annotation.state.getAnnotation(uid);
}

function distance(one, other) {
  return Math.hypot(...one.map((value, axis) => value - other[axis]));
}
