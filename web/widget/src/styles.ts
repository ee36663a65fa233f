// The widget's looks, one constructable stylesheet: allowed under a strict `style-src`. Colours come from
// `--docent-*`, else from the site (Infima, Material), else from our own two palettes. Text never takes the brand
// colour itself, so its contrast does not depend on the site; sides are logical, so it mirrors. Sizes are in px and em,
// never in rem: some sites (mdBook among them) make a rem 10 px.

import { h } from './dom.ts';

/** Gives a root these looks. A constructable stylesheet passes a strict `style-src`; older browsers get an element with the nonce. */
export function dress(root: ShadowRoot, nonce: string): void {
  const css = /* css */ `
:host{all:initial;display:contents;--accent:var(--docent-accent,var(--ifm-color-primary,var(--md-primary-fg-color,#0d6b5e)));--z:var(--docent-z-index,350)}
:host([hidden]),[hidden]{display:none!important}
*{box-sizing:border-box;min-width:0;margin:0;padding:0}
.root{--bg:var(--docent-background,#fff);--ink:var(--docent-text,#1c1e21);--dim:#5b616a;--soft:#f4f4f1;--line:#e0e0da;--bad:#a4262c;--literal:#0b5394;--shade:0 12px 40px #0000002b;--on:#fff;
color-scheme:light;color:var(--ink);font:15px/1.6 var(--docent-font,var(--ifm-font-family-base,system-ui));overflow-wrap:anywhere;-webkit-text-size-adjust:100%}
.dark{--bg:var(--docent-background,#17191c);--ink:var(--docent-text,#e9e9e6);--dim:#a7adb5;--soft:#22262a;--line:#363b41;--bad:#ffa8a1;--literal:#8cc4ff;--shade:0 12px 40px #000a;color-scheme:dark}
/* Black or white, whichever reads better on the accent. */
@supports (color:color(from red xyz-d65 x y z)){.root{--on:color(from var(--accent) xyz-d65 clamp(0,(.179 - y)*1e5,.9505) clamp(0,(.179 - y)*1e5,1) clamp(0,(.179 - y)*1e5,1.089))}}
button,textarea{color:inherit;font:inherit;background:none;border:0;unicode-bidi:plaintext}
button{cursor:pointer}
h4,small{color:var(--dim);font-size:12px}
svg{flex:none;width:20px;height:20px;fill:none;stroke:currentColor;stroke-width:1.5;stroke-linecap:round}
:focus-visible{outline:2px solid var(--ink);outline-offset:2px}
.unseen{position:absolute;width:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
/* Shared by many: a column, a centred column, a raised card, a quiet box, cut lines, the accent. */
.welcome,.turn,.answer,.sources,.next,.why,footer{display:grid;align-content:start;gap:12px}
.log>*,footer>*{width:100%;max-width:736px;margin-inline:auto}
.panel,.preview{background:var(--bg);border:1px solid var(--line);border-radius:var(--docent-radius,14px);box-shadow:var(--shade)}
.notice,.wait,.badge{display:flex;align-items:center;gap:8px;padding:8px 12px;color:var(--dim);font-size:14px;background:var(--soft);border-radius:8px}
header h2,.badge span{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.about,.preview span{display:-webkit-box;overflow:hidden;-webkit-line-clamp:6;-webkit-box-orient:vertical;color:var(--dim)}
.filled,.cite:hover,.cite:focus-visible{color:var(--on);background:var(--accent)}
.filled{font-weight:600;border-radius:99px}
.filled:hover{opacity:.9}
.launcher,.picker{display:flex;align-items:center;gap:8px;padding:8px 16px;z-index:var(--z);box-shadow:var(--shade)}
.launcher{position:fixed;bottom:max(20px,env(safe-area-inset-bottom));inset-inline-end:20px;padding-block:12px}
.picker{position:absolute;font-size:14px;white-space:nowrap}
.panel{position:fixed;inset-block:12px;inset-inline-end:12px;width:min(var(--docent-width,432px),100vw - 24px);display:flex;flex-direction:column;overflow:hidden;z-index:var(--z);animation:fade .2s reverse}
@keyframes fade{to{opacity:.2}}
header{display:flex;align-items:center;gap:8px;padding:8px 12px;border-bottom:1px solid var(--line)}
header h2{flex:1;font-size:16px}
.mark,.tool,form button{flex:none;width:32px;height:32px;display:grid;place-items:center}
.tool{color:var(--dim);border-radius:8px}
.tool:hover,.chip:hover,.plain:hover,.source:hover{color:var(--ink);background:var(--soft)}
.log{flex:1;display:flex;flex-direction:column;gap:24px;padding:16px;overflow:auto;overscroll-behavior:contain;scrollbar-width:thin}
.log:focus-visible{outline-offset:-3px}
.welcome{justify-items:start;margin-block:auto}
.welcome h3{font-size:22px;text-wrap:balance}
.chips{display:flex;flex-wrap:wrap;gap:8px;list-style:none}
.chip,.plain,.why .filled{justify-self:start;padding:4px 14px}
.chip,.plain{text-align:start;background:var(--bg);border:1px solid var(--line);border-radius:16px}
[aria-pressed=true]{color:var(--bg);background:var(--ink)}
.turn:last-child{flex:none;min-height:100%}
/* Follow-ups and retry belong to the newest turn only. */
.turn:not(:last-child) :is(.next,.again){display:none}
.question{justify-self:end;max-width:88%;padding:8px 14px;font:inherit;white-space:pre-wrap;background:var(--soft);border-radius:16px;border-end-end-radius:4px}
.about,blockquote{padding-inline-start:12px;color:var(--dim);border-inline-start:3px solid var(--line)}
.about{margin-bottom:4px;font-size:14px;-webkit-line-clamp:2}
.prose{overflow-wrap:break-word}
.prose>*{contain:layout style}
.prose>*+*,:is(li,blockquote)>*+*{margin-top:.7em}
.prose :is(ul,ol){padding-inline-start:1.5em}
.prose li{margin-block:.2em}
.prose :is(h4,h5,h6){color:inherit;font-size:16px}
.prose>*+:is(h4,h5,h6){margin-top:1.2em}
hr{border:0;border-top:1px solid var(--line)}
code{padding:.1em .3em;font:.88em/1.5 var(--docent-mono,var(--ifm-font-family-monospace,monospace));overflow-wrap:anywhere;background:var(--soft);border-radius:4px}
.block{position:relative;direction:ltr;contain:layout style}
.block .tool{position:absolute;top:8px;right:1px;background:var(--soft)}
pre{padding:12px 40px 12px 14px;direction:ltr;tab-size:4;overflow:auto;background:var(--soft);border:1px solid var(--line);border-radius:8px}
pre code{padding:0;white-space:pre}
.bad,.kw{color:var(--bad)}
.li{color:var(--literal)}
.co{color:var(--dim)}
table{display:block;overflow:auto;font-size:14px;border-collapse:collapse}
th,td{padding:.3em .7em;text-align:start;vertical-align:top;border-bottom:1px solid var(--line)}
th{white-space:nowrap}
a{color:inherit;text-decoration-color:var(--accent);text-underline-offset:.2em}
.cite,.source{text-decoration:none}
.cite{position:relative;margin-inline:.1em;padding:.1em .5em;font-size:.72em;font-weight:600;vertical-align:.3em;background:var(--soft);border:1px solid var(--line);border-radius:99px}
.cite::after{content:"";position:absolute;inset:-4px -2px}
.preview{position:absolute;inset-inline:16px;max-width:736px;margin-inline:auto;padding:8px 14px;font-size:14px}
.wait::before{content:"";flex:none;width:8px;height:8px;background:var(--ink);border-radius:99px;animation:fade .8s infinite alternate}
.sources ol{display:grid;list-style:none}
.source{display:flex;align-items:baseline;gap:8px;margin-inline:-8px;padding:4px 8px;font-size:14px;border-radius:8px}
.source>small{flex:none;min-width:16px;text-align:center}
.actions{display:flex;align-items:center;margin-inline-start:-6px;color:var(--dim)}
.why{padding:12px;border:1px solid var(--line);border-radius:8px}
.why textarea{padding:8px 12px;resize:vertical;border:1px solid var(--dim);border-radius:8px}
footer{padding:12px 12px max(12px,env(safe-area-inset-bottom));border-top:1px solid var(--line)}
.badge>div{flex:1;display:grid}
form{display:flex;align-items:flex-end;gap:8px;padding:5px;padding-inline-start:16px;border:1px solid var(--dim);border-radius:22px;outline-offset:-1px}
form textarea{flex:1;max-height:152px;padding:3px 0;font-size:16px;resize:none}
form:focus-within{outline:2px solid var(--ink)}
form textarea:focus-visible{outline:0}
::placeholder{color:var(--dim);opacity:1}
form [aria-disabled=true]{color:var(--dim);background:var(--soft)}
footer>small{text-align:center;text-wrap:balance}
.page{position:relative;height:100%}
.page .panel{position:absolute;inset:0;width:100%;border:0;border-radius:0;box-shadow:none;animation:none}
.page :is(header,footer){border:0}
@media (max-width:40rem){.panel{inset:0;width:100%;border:0;border-radius:0}}
@media (prefers-reduced-motion:reduce){*{animation:none!important}}
@media (forced-colors:active){button,.cite{border:1px solid}[aria-pressed=true]{border-width:4px}}
@media print{.root:not(.page){display:none}}
`;
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
  } catch {
    const style = h('style', { nonce }, css);
    root.append(style);
  }
}
