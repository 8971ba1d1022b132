/**
 * What the panel needs of OHIF and Cornerstone: the image in the active viewport, and landmarks as Probe annotations.
 *
 * Places are pixels of the stored file, x to the right, y down, the centre of the first pixel is (0, 0).
 * `indexToWorld` of the viewport's image speaks the same. OHIF's helpers for structured reports do not: they exchange
 * the spacings of rows and columns.
 */

const TOOL = 'Probe';
const SOURCE = ['Cornerstone3DTools', '0.1'];

export class Viewer {
  /** @param {{services: object, extensionManager: object}} ohif */
  constructor({ services, extensionManager }) {
    this.services = services;
    this.extensionManager = extensionManager;
  }

  /**
   * The image that the active viewport shows, or null.
   * @returns {{id: string, series: string, imageId: string, viewportId: string, viewport: object} | null}
   */
  image() {
    const { viewportGridService, cornerstoneViewportService } = this.services;
    const viewportId = viewportGridService.getState().activeViewportId;
    const viewport = cornerstoneViewportService.getCornerstoneViewport(viewportId);
    const imageId = viewport?.getCurrentImageId?.();
    if (!imageId || !viewport.getImageData()) return null;
    const instance = window.cornerstone.metaData.get('instance', imageId);
    return instance?.SOPInstanceUID
      ? { id: instance.SOPInstanceUID, series: instance.SeriesInstanceUID, imageId, viewportId, viewport }
      : null;
  }

  /** Our annotations on an image, by landmark. @returns {Map<string, object>} */
  points(image) {
    const all = window.cornerstoneTools.annotation.state.getAllAnnotations();
    const here = all.filter(({ data, metadata }) => data.farnet && metadata.referencedImageId === image.imageId);
    return new Map(here.map(annotation => [annotation.data.farnet.name, annotation]));
  }

  /** Where a point is; one that nobody has touched is exactly where it was put. @returns {{x: number, y: number}} */
  place(image, annotation) {
    const [world] = annotation.data.handles.points;
    const { put } = annotation.data.farnet;
    if (put.world.every((value, axis) => value === world[axis])) return { x: put.x, y: put.y };
    const [x, y] = image.viewport.getImageData().imageData.worldToIndex(world);
    return { x, y };
  }

  /**
   * Put a landmark onto an image, in place of the one of that name.
   * @param {object} landmark `{name, x, y, state, confidence, predicted}`
   */
  put(image, landmark) {
    this.remove(image, landmark.name);
    const { measurementService } = this.services;
    const { viewport } = image;
    const { viewPlaneNormal, viewUp } = viewport.getCamera();
    const { name, x, y, ...rest } = landmark;
    const world = Array.from(viewport.getImageData().imageData.indexToWorld([x, y, 0]));
    const annotation = {
      annotationUID: window.cornerstone.utilities.uuidv4(),
      isLocked: false,
      isVisible: true,
      highlighted: false,
      invalidated: true,
      metadata: {
        toolName: TOOL,
        referencedImageId: image.imageId,
        FrameOfReferenceUID: viewport.getFrameOfReferenceUID(),
        viewPlaneNormal,
        viewUp,
      },
      data: {
        label: name,
        farnet: { name, ...rest, put: { x, y, world } },
        frameNumber: 1,
        cachedStats: {},
        handles: { points: [[...world]], activeHandleIndex: null, textBox: { hasMoved: false } },
      },
    };
    const source = measurementService.getSource(...SOURCE);
    const mappings = measurementService.getSourceMappings(...SOURCE);
    const { toMeasurementSchema } = mappings.find(({ annotationType }) => annotationType === TOOL);
    const [dataSource] = this.extensionManager.getActiveDataSource();
    // Through OHIF's service, so that its list, its undo and its reports know the point.
    measurementService.addRawMeasurement(source, TOOL, { annotation }, toMeasurementSchema, dataSource);
    image.viewport.render();
  }

  remove(image, name) {
    const annotation = this.points(image).get(name);
    if (!annotation) return;
    this.services.measurementService.remove(annotation.annotationUID);
    window.cornerstoneTools.annotation.state.removeAnnotation(annotation.annotationUID); // where OHIF has not
    image.viewport.render();
  }

  /** Bring a landmark into the middle, and mark it. */
  jump(image, name) {
    const annotation = this.points(image).get(name);
    if (!annotation) return;
    const { viewport } = image;
    const [goal] = annotation.data.handles.points;
    const { focalPoint, position } = viewport.getCamera();
    const moved = point => point.map((value, axis) => value + goal[axis] - focalPoint[axis]);
    viewport.setCamera({ focalPoint: moved(focalPoint), position: moved(position) });
    window.cornerstoneTools.annotation.selection.setAnnotationSelected(annotation.annotationUID, true, false);
    viewport.render();
  }

  /** Call back once with the place of the next click on the image; returns a function that gives up waiting. */
  nextClick(image, callback) {
    const { element } = image.viewport;
    const clicked = event => {
      if (event.button !== 0) return;
      event.preventDefault();
      event.stopImmediatePropagation(); // otherwise the tool of the left button begins
      stop();
      const frame = element.getBoundingClientRect();
      const world = image.viewport.canvasToWorld([event.clientX - frame.left, event.clientY - frame.top]);
      const [x, y] = image.viewport.getImageData().imageData.worldToIndex(world);
      callback({ x, y });
    };
    const stop = () => {
      element.removeEventListener('mousedown', clicked, true);
      element.style.cursor = '';
    };
    element.addEventListener('mousedown', clicked, true);
    element.style.cursor = 'crosshair';
    return stop;
  }

  notify(message, type = 'info') {
    this.services.uiNotificationService?.show({ title: 'MONAI Label', message, type, duration: 3000 });
  }
}
