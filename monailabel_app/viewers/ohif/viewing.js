/**
 * Which image a viewport shows, and where its pixels are in OHIF's world.
 *
 * Pixels are those of the file as stored, the centre of the first one is (0, 0). vtk's image data of the viewport has
 * the same convention, and is right for non-square and for absent pixel spacing, which OHIF's own helpers are not.
 *
 * @typedef {object} Shown
 * @property {string} viewportId
 * @property {object} viewport of cornerstone
 * @property {string} imageId of cornerstone
 * @property {string} image SOPInstanceUID
 * @property {number} width columns
 * @property {number} height rows
 *
 * @typedef {{x: number, y: number}} Pixel
 */

const RENDERED = 'CORNERSTONE_IMAGE_RENDERED';

/**
 * The image in the active viewport; null where there is none, or no single image.
 * @param {object} services OHIF's
 * @returns {Shown | null}
 */
export function activeImage(services) {
  return shownIn(services, services.viewportGridService.getState().activeViewportId);
}

/**
 * All viewports that show an image.
 * @param {object} services OHIF's
 * @param {string} image
 * @returns {Shown[]}
 */
export function viewportsOf(services, image) {
  const ids = [...services.viewportGridService.getState().viewports.keys()];
  return ids.map(id => shownIn(services, id)).filter(shown => shown?.image === image);
}

function shownIn(services, viewportId) {
  const viewport = viewportId && services.cornerstoneViewportService.getCornerstoneViewport(viewportId);
  if (viewport?.type !== 'stack') {
    return null; // a volume has other pixels than the file
  }
  const imageId = viewport.getCurrentImageId();
  const image = imageOf(imageId);
  const dimensions = image && viewport.getImageData()?.dimensions;
  if (!dimensions) {
    return null; // not loaded yet
  }
  return { viewportId, viewport, imageId, image, width: dimensions[0], height: dimensions[1] };
}

/** The SOPInstanceUID of a cornerstone image. @param {string} imageId */
export function imageOf(imageId) {
  return imageId && window.cornerstone?.metaData.get('instance', imageId)?.SOPInstanceUID;
}

/** @param {Shown} shown @param {Pixel} pixel @returns {number[]} */
export function toWorld({ viewport }, { x, y }) {
  return [...viewport.getImageData().imageData.indexToWorld([x, y, 0], [0, 0, 0])];
}

/** @param {Shown} shown @param {number[]} world @returns {Pixel} */
export function toPixel({ viewport }, world) {
  const [x, y] = viewport.getImageData().imageData.worldToIndex(world, [0, 0, 0]);
  return { x, y };
}

/** Whether a pixel is one of the image. @param {Shown} shown @param {Pixel} pixel */
export function isInside({ width, height }, { x, y }) {
  return x >= -0.5 && y >= -0.5 && x <= width - 0.5 && y <= height - 0.5;
}

/**
 * Bring a pixel to the middle of the viewport.
 * @param {Shown} shown
 * @param {Pixel} pixel
 * @param {number} zoom 1 leaves the zoom as it is where the pixel is in sight.
 */
export function lookAt(shown, pixel, zoom) {
  const { viewport } = shown;
  if (zoom > 1) {
    viewport.setZoom(zoom);
  }
  const [x, y] = viewport.worldToCanvas(toWorld(shown, pixel));
  const { clientWidth, clientHeight } = viewport.element;
  const isInSight = x >= 0 && y >= 0 && x <= clientWidth && y <= clientHeight;
  if (zoom > 1 || !isInSight) {
    const [panX, panY] = viewport.getPan();
    viewport.setPan([panX + clientWidth / 2 - x, panY + clientHeight / 2 - y]);
  }
  viewport.render();
}

/** Show the whole radiograph. @param {Shown} shown */
export function showWhole({ viewport }) {
  viewport.setPan([0, 0]);
  viewport.setZoom(1);
  viewport.render();
}

/**
 * Tell whenever another image may be in the active viewport.
 * @param {object} services OHIF's
 * @param {() => void} changed
 * @returns {() => void} ends it
 */
export function watchImages({ viewportGridService }, changed) {
  const { unsubscribe } = viewportGridService.subscribe(viewportGridService.EVENTS.ACTIVE_VIEWPORT_ID_CHANGED, changed);
  // sent to a viewport's element, and seen here on its way there
  document.addEventListener(RENDERED, changed, true);
  return () => {
    unsubscribe();
    document.removeEventListener(RENDERED, changed, true);
  };
}
