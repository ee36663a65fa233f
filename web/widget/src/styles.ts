// The widget's looks, one constructable stylesheet: allowed under a strict `style-src`. Colours come from
// `--docent-*`, else from the site (Infima, Material), else from our own two palettes. Text never takes the brand
// colour itself, so its contrast does not depend on the site; sides are logical, so it mirrors. Sizes are in px and em,
// never in rem: some sites (mdBook among them) make a rem 10 px.

import { h } from './dom.ts';

/** Gives a root these looks. A constructable stylesheet passes a strict `style-src`; older browsers get an element with the nonce. */
export function dress(root: ShadowRoot, nonce: string): void {
  const css = /* css */ `
:host{all:initial;display:contents;
--accent:var(--docent-accent,var(--ifm-color-primary,var(--md-primary-fg-color,#0d6b5e)));
--font:var(--docent-font,var(--ifm-font-family-base,system-ui,sans-serif));
--mono:var(--docent-mono,var(--ifm-font-family-monospace,ui-monospace,Consolas,monospace));
--z:var(--docent-z-index,350);--round:var(--docent-radius,14px)}
:host([hidden]),[hidden]{display:none!important}
*{box-sizing:border-box;margin:0;padding:0}
.root{--bg:var(--docent-background,#fff);--ink:var(--docent-text,#1c1e21);--dim:#5b616a;--soft:#f4f4f1;--line:#e0e0da;--bad:#a4262c;--kw:#8250df;--st:#0a5f38;--nu:#0b5394;--shade:0 12px 40px #0000002b;--on:#fff;
color-scheme:light;font:15px/1.6 var(--font);color:var(--ink);-webkit-text-size-adjust:100%}
.dark{--bg:var(--docent-background,#17191c);--ink:var(--docent-text,#e9e9e6);--dim:#a7adb5;--soft:#22262a;--line:#363b41;--bad:#ffa8a1;--kw:#d2b3ff;--st:#8fdcb0;--nu:#8cc4ff;--shade:0 12px 40px #000a;color-scheme:dark}
/* Black or white, whichever reads better on the accent. */
@supports (color:color(from red xyz-d65 x y z)){.root{--on:color(from var(--accent) xyz-d65 clamp(0,(.179 - y)*1e5,.9505) clamp(0,(.179 - y)*1e5,1) clamp(0,(.179 - y)*1e5,1.089))}}
button,textarea{font:inherit;color:inherit}
button{cursor:pointer;background:none;border:0}
h2,h3,h4,h5,h6,th,b{font-weight:650;line-height:1.35}
h4,small,.caution{font-size:12px;color:var(--dim)}
svg{width:1.25em;height:1.25em;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round;flex:none}
:focus-visible{outline:2px solid var(--ink);outline-offset:2px}
.unseen{position:absolute;width:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
/* Shared by many: the accent, one column, a centred column, a raised card, a quiet box, cut lines. */
.filled,.cite:hover,.cite:focus-visible{background:var(--accent);color:var(--on)}
.filled{border-radius:99px;font-weight:600}
.welcome,.turn,.answer,.sources,.sources ol,.next,.why,footer{display:grid;grid-template-columns:minmax(0,1fr);gap:8px}
.log>*,footer>*{width:100%;max-width:736px;margin-inline:auto}
.panel,.preview{background:var(--bg);border:1px solid var(--line);border-radius:var(--round);box-shadow:var(--shade)}
.notice,.wait,.badge{display:flex;gap:8px;align-items:center;font-size:14px;line-height:1.45;color:var(--dim);background:var(--soft);border-radius:10px;padding:8px 12px}
header h2,.badge span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.about,.preview span{color:var(--dim);overflow:hidden;display:-webkit-box;-webkit-line-clamp:6;-webkit-box-orient:vertical}
.launcher,.picker{z-index:var(--z);display:flex;gap:8px;align-items:center;padding:11px 18px 11px 14px;box-shadow:var(--shade)}
.launcher{position:fixed;bottom:max(20px,env(safe-area-inset-bottom));inset-inline-end:20px;transition:transform .15s}
.launcher:hover{transform:translateY(-2px)}
.picker{position:absolute;padding:6px 14px 6px 11px;font-size:14px;white-space:nowrap}
.panel{position:fixed;inset-block:12px;inset-inline-end:12px;width:min(var(--docent-width,432px),100vw - 24px);z-index:var(--z);display:flex;flex-direction:column;overflow:hidden;animation:enter .18s ease-out}
@keyframes enter{from{opacity:0;transform:translateY(8px)}}
header{display:flex;align-items:center;gap:4px;padding:10px;padding-inline-start:16px;border-bottom:1px solid var(--line)}
header h2{flex:1;font-size:16px}
.mark,.tool,form button{display:grid;place-items:center;flex:none;width:32px;height:32px;border-radius:8px}
.mark{width:28px;height:28px;margin-inline-end:8px;font-size:13px}
.tool{color:var(--dim)}
.tool:hover,.tool[aria-pressed=true],.chip:hover,.plain:hover,.source:hover{background:var(--soft);color:var(--ink)}
.log{flex:1;overflow-y:auto;overscroll-behavior:contain;padding:16px;display:flex;flex-direction:column;gap:24px;scrollbar-width:thin}
.log:focus-visible{outline-offset:-3px}
.welcome{margin-block:auto;gap:16px;justify-items:start}
.welcome h3{font-size:22px;text-wrap:balance}
.chips{display:flex;flex-wrap:wrap;gap:8px;list-style:none}
.chip,.plain{padding:6px 13px;border:1px solid var(--line);border-radius:18px;text-align:start;line-height:1.4;background:var(--bg)}
.chip[aria-pressed=true]{background:var(--ink);color:var(--bg)}
.turn{align-content:start;gap:12px}
.newest{min-height:100%;flex:none}
.question{font:inherit;justify-self:end;max-width:88%;background:var(--soft);border-radius:16px;border-end-end-radius:4px;padding:8px 14px;white-space:pre-wrap;overflow-wrap:anywhere}
.about{font-size:13px;-webkit-line-clamp:2;border-inline-start:3px solid var(--line);padding-inline-start:8px;margin-bottom:5px}
.answer{gap:12px}
.prose{overflow-wrap:break-word}
.prose>*{margin-block:0 .75em;contain:layout style}
.prose>:first-child{margin-top:0}
.prose>:last-child{margin-bottom:0}
.prose :is(ul,ol){padding-inline-start:1.5em}
.prose li{margin-block:.2em}
.prose li>p+*{margin-top:.5em}
.prose :is(h4,h5,h6){font-size:1.05em;margin-block:1.2em .45em;color:inherit}
blockquote{padding-inline-start:.9em;border-inline-start:3px solid var(--line);color:var(--dim)}
hr{border:0;border-top:1px solid var(--line)}
code{font:.88em/1.5 var(--mono);background:var(--soft);border-radius:5px;padding:.12em .32em;overflow-wrap:anywhere}
.block{position:relative;contain:layout style}
.block .tool{position:absolute;top:1px;inset-inline-end:1px;background:var(--soft)}
pre{padding:12px 14px;padding-inline-end:44px;background:var(--soft);border:1px solid var(--line);border-radius:10px;overflow:auto;direction:ltr;tab-size:4}
pre code{padding:0;overflow-wrap:normal;white-space:pre}
.kw{color:var(--kw)}.st{color:var(--st)}.nu{color:var(--nu)}.co{color:var(--dim);font-style:italic}
table{border-collapse:collapse;font-size:.92em;display:block;overflow-x:auto}
th,td{padding:.35em .7em;border-bottom:1px solid var(--line);text-align:start;vertical-align:top}
th{white-space:nowrap}
.align-center{text-align:center}.align-right{text-align:end}
a{color:inherit;text-decoration:underline var(--accent) .09em;text-underline-offset:.2em}
.cite,.source{text-decoration:none}
.cite{font-size:.72em;font-weight:650;padding:.15em .55em;margin-inline:.1em;vertical-align:.28em;border-radius:.7em;background:var(--soft);border:1px solid var(--line);position:relative}
.cite::after{content:"";position:absolute;inset:-4px -2px}
.preview{position:absolute;z-index:2;max-width:min(352px,100% - 24px);padding:10px 14px;font-size:14px;line-height:1.5;overflow-wrap:anywhere}
.badge b,.badge span{display:block}
.bad{color:var(--bad)}
.dots{display:flex;gap:4px}
.dots i{width:6px;height:6px;border-radius:9px;background:currentColor;animation:pulse 1.2s infinite}
.dots i:nth-child(2){animation-delay:.15s}.dots i:nth-child(3){animation-delay:.3s}
@keyframes pulse{0%,60%,100%{opacity:.25}30%{opacity:1}}
.sources,.actions{font-size:14px}
.sources ol{list-style:none;gap:2px}
.source{display:flex;gap:8px;align-items:baseline;padding:5px 8px;margin-inline:-8px;border-radius:8px}
.sources .n{flex:none;font-size:12px;font-weight:650;min-width:18px;text-align:center;color:var(--dim)}
.where{min-width:0;overflow-wrap:anywhere}
.where small{font-size:13px}
.actions{display:flex;gap:2px;align-items:center;margin-inline-start:-6px;color:var(--dim)}
.why{border:1px solid var(--line);border-radius:10px;padding:12px}
.why textarea{width:100%;border:1px solid var(--dim);border-radius:8px;padding:7px 10px;background:var(--bg);resize:vertical}
.button{padding:6px 15px;font-weight:600;justify-self:start}
footer{padding:11px 12px max(10px,env(safe-area-inset-bottom));border-top:1px solid var(--line)}
.badge{padding-block:6px}
.badge>div{flex:1;min-width:0}
form{display:flex;align-items:flex-end;gap:8px;border:1px solid var(--dim);border-radius:24px;padding:5px;padding-inline-start:15px}
form:focus-within{border-color:var(--ink);box-shadow:0 0 0 1px var(--ink)}
form textarea{flex:1;min-width:0;border:0;background:none;resize:none;padding:6px 0;line-height:1.5;max-height:152px;field-sizing:content;font-size:16px}
form textarea:focus-visible{outline:0}
::placeholder{color:var(--dim);opacity:1}
form button{width:36px;height:36px;border-radius:99px}
form button[aria-disabled=true]{background:var(--soft);color:var(--dim)}
.caution{line-height:1.4;text-align:center;text-wrap:balance}
.page,.page .panel{height:100%}
.page .panel{position:relative;inset:auto;width:100%;animation:none;box-shadow:none}
.page :is(.panel,header,footer){border:0;border-radius:0}
@media (max-width:40rem){.root:not(.page) .panel{inset:0;width:100%;border:0;border-radius:0}}
@media (prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
@media (forced-colors:active){.launcher,.picker,.filled,.chip,.cite,form button{border:1px solid ButtonText}.chip[aria-pressed=true]{background:Highlight;color:HighlightText;forced-color-adjust:none}}
@media print{.root:not(.page){display:none}}
`;
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
  } catch {
    const style = h('style', { nonce });
    style.textContent = css;
    root.append(style);
  }
}
