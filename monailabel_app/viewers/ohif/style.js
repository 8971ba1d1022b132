/** The panel's looks: OHIF's dark blues, one column of 280 pixels or more. */

export const STYLE = `
.farnet { color: #dfe8ff; font: 13px/1.4 Inter, system-ui, sans-serif; padding: 8px 10px 20px; }
.farnet section { border-bottom: 1px solid #26396d; padding: 8px 0; }
.farnet h3 { color: #5acce6; font-size: 13px; font-weight: 600; margin: 0 0 6px; }
.farnet label { display: block; color: #a7b6dd; font-size: 12px; margin: 4px 0 2px; }
.farnet label.inline { display: inline-block; margin-right: 10px; }
.farnet input:not([type=checkbox]), .farnet select {
  background: #0b1233; color: #fff; border: 1px solid #33488a; border-radius: 4px; padding: 4px 6px;
  width: 100%; box-sizing: border-box; }
.farnet button { background: #22409a; color: #fff; border: 0; border-radius: 4px; padding: 5px 10px; cursor: pointer; }
.farnet button:hover:enabled { background: #3157c9; }
.farnet button:disabled { opacity: .4; cursor: default; }
.farnet button.main { background: #1789c9; font-weight: 600; }
.farnet button.stop { background: #a8421f; }
.farnet :focus-visible { outline: 2px solid #5acce6; outline-offset: 1px; }
.farnet .farnet-row { display: flex; gap: 6px; align-items: center; flex-wrap: wrap; margin-top: 6px; }
.farnet .farnet-row > .wide { flex: 1; min-width: 0; }
.farnet a { color: #8ab4ff; }
.farnet .farnet-status { min-height: 20px; padding: 6px 0; color: #ffd479; overflow-wrap: anywhere; }
.farnet .farnet-status.error { color: #ff8f7a; }
.farnet ol { list-style: none; margin: 6px 0 0; padding: 0; max-height: 30vh; overflow: auto; border: 1px solid #26396d;
  border-radius: 4px; }
.farnet li { display: flex; gap: 6px; align-items: center; padding: 2px 6px; cursor: pointer; }
.farnet li:hover { background: #16235a; }
.farnet li[aria-selected=true] { background: #22409a; }
.farnet li .farnet-dot { width: 9px; height: 9px; border-radius: 50%; flex: none; background: none; border: 1px solid #7487b8; }
.farnet li .name { flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.farnet li .told { color: #a7b6dd; font-size: 12px; white-space: nowrap; }
.farnet .farnet-bar { display: grid; grid-template-columns: 74px 1fr 74px; gap: 6px; align-items: center; margin-top: 6px;
  font-size: 12px; }
.farnet progress { width: 100%; height: 9px; accent-color: #5acce6; }
.farnet .farnet-bar .value { text-align: right; color: #a7b6dd; }
.farnet .farnet-hint { color: #a7b6dd; font-size: 12px; }
`;
