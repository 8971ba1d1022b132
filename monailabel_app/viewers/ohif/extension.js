/**
 * Landmarks for OHIF: an extension that an unmodified OHIF loads by its address, without a build.
 *
 * In OHIF's `app-config.js`: `extensions: ['http://server:8000/ohif/farnet/extension.js']`.
 */

import { lendToken } from './client.js';
import { ownElement } from './dom.js';
import { Panel } from './panel.js';

const SERVER = new URL('../../', import.meta.url).href;

export default {
  id: 'farnet.extension',
  version: '0.1.0',

  preRegistration({ servicesManager }) {
    lendToken(servicesManager.services.userAuthenticationService);
  },

  getPanelModule({ servicesManager, extensionManager, appConfig }) {
    const url = appConfig?.monaiLabel?.url ?? SERVER;
    let panel = null;
    const mount = node => {
      panel?.close();
      panel = node && new Panel(node, { services: servicesManager.services, extensionManager }, url);
    };
    const component = () => ownElement(mount);
    const label = 'MONAI Label landmarks';
    return [{ name: 'landmarks', iconName: 'tab-linear', iconLabel: 'Landmarks', label, component }];
  },
};
