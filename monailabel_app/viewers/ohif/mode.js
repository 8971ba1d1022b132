/**
 * The mode "MONAI Label landmarks": OHIF's basic viewer for radiographs, with our panel open beside the image.
 *
 * Without measurement tracking, which would ask whether to track each point and take the panel's place for the answer.
 */

const EXTENSION = new URL('./extension.js', import.meta.url).href;
const PANEL = 'farnet.extension.panelModule.landmarks';
const MEASUREMENTS = 'extension-cornerstone.panelModule.panelMeasurement';
const MODALITIES = ['CR', 'DX', 'RG', 'PX', 'IO', 'OT', 'SC'];
const UNTRACKED = {
  '@ohif/extension-measurement-tracking.viewportModule.cornerstone-tracked':
    '@ohif/extension-cornerstone.viewportModule.cornerstone',
  '@ohif/extension-measurement-tracking.panelModule.seriesList':
    '@ohif/extension-default.panelModule.seriesList',
};

export default {
  id: 'farnet.mode',

  async modeFactory({ loadModules }) {
    const base = await baseMode(loadModules);
    const [route] = base.routes;
    return {
      ...base,
      id: 'farnet.mode',
      routeName: 'landmarks',
      displayName: 'MONAI Label landmarks',
      hide: false,
      extensions: { ...base.extensions, [EXTENSION]: '*' }, // OHIF imports its keys, so the address and not the id
      isValidMode: ({ modalities }) => ({
        valid: modalities.split('\\').some(modality => MODALITIES.includes(modality)),
        description: 'For radiographs: CR, DX, RG, PX, IO and secondary captures',
      }),
      routes: [{ ...route, path: 'landmarks', layoutTemplate: (...given) => withPanel(route.layoutTemplate(...given)) }],
    };
  },
};

/** The basic viewer; before OHIF 3.12 there was only the longitudinal one. */
async function baseMode(loadModules) {
  for (const name of ['@ohif/mode-basic', '@ohif/mode-longitudinal']) {
    const [found] = await loadModules([name]).catch(() => []);
    if (found) return found.modeInstance ?? found.modeFactory({ modeConfiguration: {}, loadModules });
  }
  throw new Error('This OHIF has neither the basic nor the longitudinal mode.');
}

async function withPanel(template) {
  const layout = await template;
  const { leftPanels = [], rightPanels = [], viewports } = layout.props;
  return {
    ...layout,
    props: {
      ...layout.props,
      leftPanels: leftPanels.map(untracked),
      viewports: viewports.map(viewport => ({ ...viewport, namespace: untracked(viewport.namespace) })),
      rightPanels: [PANEL, ...rightPanels.filter(panel => String(panel).includes(MEASUREMENTS))],
      rightPanelClosed: false,
      rightPanelDefaultClosed: false,
    },
  };
}

const untracked = name => UNTRACKED[name] ?? name;
