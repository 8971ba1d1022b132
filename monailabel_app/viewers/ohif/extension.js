/**
 * OHIF extension: the panel "MONAI Label landmarks". Named by its address in OHIF's app-config.js, loaded at run time:
 * `extensions: ['http://server:8000/ohif/farnet/extension.js']`.
 */
import { Client } from './client.js';
import { domElement } from './element.js';
import { Login } from './login.js';
import { mountPanel } from './panel.js';
import { Session } from './session.js';
import { chosenServer, pluginServer } from './settings.js';

const ID = 'farnet.extension';

/** @type {Session | null} One a page: what an annotator has done to an image survives a visit to the study list. */
let session = null;

function sessionOf({ servicesManager, extensionManager, commandsManager, appConfig }) {
  if (!session) {
    const { services } = servicesManager;
    const configured = new URL(appConfig?.monaiLabel?.url ?? pluginServer(), window.location.href).href;
    const login = new Login(services.userAuthenticationService, [configured, pluginServer(), window.location.href]);
    session = new Session({ services, extensionManager, commandsManager }, new Client(chosenServer(configured), login));
  }
  return session;
}

export default {
  id: ID,
  version: '0.1.0',

  getPanelModule(managers) {
    const mount = node => mountPanel(node, sessionOf(managers));
    return [
      {
        name: 'landmarks',
        iconName: 'tool-probe',
        iconLabel: 'Landmarks',
        label: 'MONAI Label',
        component: domElement(managers.extensionManager, mount),
      },
    ];
  },

  onModeEnter() {
    session?.enter();
  },

  onModeExit() {
    session?.leave();
  },
};
