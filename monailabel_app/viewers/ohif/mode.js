/**
 * OHIF mode "MONAI Label landmarks" at /landmarks: OHIF's basic mode with our panel, for radiographs. Named by its
 * address in OHIF's app-config.js: `modes: ['http://server:8000/ohif/farnet/mode.js']`.
 */
const ID = 'farnet.mode';
const ROUTE = 'landmarks';
const PANEL = 'farnet.extension.panelModule.landmarks';
const EXTENSION = new URL('./extension.js', import.meta.url).href; // OHIF imports a mode's extensions by their keys
const BASES = ['@ohif/mode-basic', '@ohif/mode-longitudinal']; // the first is new in 3.12
const RADIOGRAPHS = ['CR', 'DX', 'RG', 'PX', 'IO'];

/** Measurement tracking asks about each new point, and takes the focus from our panel: the plain parts do not. */
const UNTRACKED = {
  '@ohif/extension-measurement-tracking.viewportModule.cornerstone-tracked':
    '@ohif/extension-cornerstone.viewportModule.cornerstone',
  '@ohif/extension-measurement-tracking.panelModule.seriesList': '@ohif/extension-default.panelModule.seriesList',
};
const untracked = name => UNTRACKED[name] ?? name;

export default {
  id: ID,

  async modeFactory({ loadModules }) {
    const base = await baseMode(loadModules);
    const [route] = base.routes;
    return {
      ...base,
      id: ID,
      routeName: ROUTE,
      displayName: 'MONAI Label landmarks',
      hide: false,
      extensions: { ...base.extensions, [EXTENSION]: '*' },
      isValidMode: ({ modalities }) => ({
        valid: modalities.split('\\').some(modality => RADIOGRAPHS.includes(modality)),
        description: `For radiographs (${RADIOGRAPHS.join(', ')})`,
      }),
      routes: [
        { ...route, path: ROUTE, layoutTemplate: async (...args) => withPanel(await route.layoutTemplate(...args)) },
      ],
    };
  },
};

async function baseMode(loadModules) {
  for (const name of BASES) {
    const [module] = await loadModules([name]).catch(() => []);
    if (module) {
      return module.modeInstance ?? module.modeFactory({ modeConfiguration: {}, loadModules });
    }
  }
  throw new Error(`This OHIF has none of the modes ${BASES.join(', ')} to build on.`);
}

function withPanel({ props, ...layout }) {
  const measurements = (props.rightPanels ?? []).filter(name =>
    /cornerstone\.panelModule\.panelMeasurement/.test(name),
  );
  return {
    ...layout,
    props: {
      ...props,
      leftPanels: (props.leftPanels ?? []).map(untracked),
      rightPanels: [PANEL, ...measurements],
      rightPanelClosed: false,
      rightPanelDefaultClosed: false,
      viewports: props.viewports.map(viewport => ({ ...viewport, namespace: untracked(viewport.namespace) })),
    },
  };
}
