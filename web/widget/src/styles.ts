// The widget's looks, one constructable stylesheet: allowed under a strict `style-src`. Colours come from
// `--docent-*`, else from the site (Infima, Material), else from our own two palettes. Text never takes the brand
// colour itself, so its contrast does not depend on the site; sides are logical, so it mirrors. Sizes are in px and em,
// never in rem: some sites (mdBook among them) make a rem 10 px.

export const css = /* css */ `
:host{all:initial;display:contents;
--accent:var(--docent-accent,var(--ifm-color-primary,var(--md-primary-fg-color,#0d6b5e)));
--font:var(--docent-font,var(--ifm-font-family-base,system-ui,"Segoe UI",Roboto,sans-serif));
--mono:var(--docent-mono,var(--ifm-font-family-monospace,ui-monospace,Menlo,Consolas,monospace));
--width:var(--docent-width,432px);--z:var(--docent-z-index,350);--round:var(--docent-radius,14px)}
:host([hidden]){display:none}
*{box-sizing:border-box}
.root{--bg:var(--docent-background,#fff);--ink:var(--docent-text,#1c1e21);--dim:#5b616a;--soft:#f4f4f1;--line:#e0e0da;--code:#f4f4f1;--bad:#a4262c;--good:#0b6650;
--kw:#8250df;--st:#0a5f38;--nu:#0b5394;--co:#5f6670;--shade:0 1px 2px #0000000f,0 12px 40px #0000002b;
color-scheme:light;font:400 15px/1.6 var(--font);color:var(--ink);text-align:start;-webkit-text-size-adjust:100%}
.root.dark{--bg:var(--docent-background,#17191c);--ink:var(--docent-text,#e9e9e6);--dim:#a7adb5;--soft:#22262a;--line:#363b41;--code:#202428;--bad:#ffa8a1;--good:#7fdcbf;
--kw:#d2b3ff;--st:#8fdcb0;--nu:#8cc4ff;--co:#a0a7b0;--shade:0 1px 2px #0006,0 12px 40px #000a;color-scheme:dark}
button,textarea{font:inherit;color:inherit;margin:0}
button{cursor:pointer;background:none;border:0;padding:0}
h2,h3,h4,h5,h6,p,ul,ol{margin:0;padding:0}
svg{inline-size:1.25em;block-size:1.25em;fill:none;stroke:currentColor;stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round;display:block;flex:none}
:focus-visible{outline:2px solid var(--ink);outline-offset:2px}
.unseen{position:absolute;inline-size:1px;block-size:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
[hidden]{display:none!important}
/* Black or white, whichever reads better on the accent. */
.root{--on:#fff}
@supports (color:color(from red xyz-d65 x y z)){.root{--on:color(from var(--accent) xyz-d65 clamp(0,(.179 - y)*1e5,.9505) clamp(0,(.179 - y)*1e5,1) clamp(0,(.179 - y)*1e5,1.089))}}
.filled,.cite:hover,.cite:focus-visible{background:var(--accent);color:var(--on)}
.filled{border-radius:999px}
.launcher{position:fixed;inset-block-end:max(20px,env(safe-area-inset-bottom));inset-inline-end:20px;z-index:var(--z);display:flex;gap:.5em;align-items:center;padding:.7em 1.15em .7em .95em;font-weight:600;box-shadow:var(--shade);transition:transform .15s}
.launcher:hover{transform:translateY(-2px)}
.panel{position:fixed;inset-block:12px;inset-inline-end:12px;inline-size:min(var(--width),calc(100vw - 24px));z-index:var(--z);display:flex;flex-direction:column;background:var(--bg);border:1px solid var(--line);border-radius:var(--round);box-shadow:var(--shade);overflow:hidden;animation:enter .18s ease-out}
@keyframes enter{from{opacity:0;transform:translateY(8px)}}
header{display:flex;align-items:center;gap:4px;padding:10.4px 16px;padding-inline-end:9.6px;border-block-end:1px solid var(--line)}
header h2{flex:1;min-inline-size:0;font-size:16px;line-height:1.3;font-weight:650;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.mark{display:grid;place-items:center;inline-size:28px;block-size:28px;border-radius:8px;margin-inline-end:7.2px;flex:none}
.mark svg{inline-size:16.8px;block-size:16.8px}
.tool{display:inline-grid;place-items:center;min-inline-size:32px;min-block-size:32px;border-radius:8px;color:var(--dim)}
.tool:hover,.tool[aria-pressed=true]{background:var(--soft);color:var(--ink)}
.log{flex:1;overflow-y:auto;overscroll-behavior:contain;padding:17.6px 16px;display:flex;flex-direction:column;gap:24px;scrollbar-width:thin}
.log:focus-visible{outline-offset:-3px}
.log>*{inline-size:100%;max-inline-size:736px;margin-inline:auto}
.welcome{margin-block:auto;display:grid;gap:17.6px;justify-items:start;grid-template-columns:minmax(0,1fr)}
.welcome h3{font-size:22.4px;line-height:1.25;font-weight:650;letter-spacing:-.01em;text-wrap:balance}
.chips{display:flex;flex-wrap:wrap;gap:8px;list-style:none}
.chip{padding:6.4px 12.8px;border:1px solid var(--line);border-radius:17.6px;text-align:start;line-height:1.4;background:var(--bg)}
.chip:hover{background:var(--soft);border-color:var(--dim)}
.turn{display:grid;grid-template-columns:minmax(0,1fr);align-content:start;gap:12.8px;min-inline-size:0}
.newest{min-block-size:100%;flex:none}
.question{font:inherit;justify-self:end;max-inline-size:88%;background:var(--soft);border-radius:16px;border-end-end-radius:4px;padding:8.8px 14.4px;white-space:pre-wrap;overflow-wrap:anywhere}
.about{display:block;color:var(--dim);font-size:.85em;border-inline-start:3px solid var(--line);padding-inline-start:.6em;margin-block-end:.35em;overflow:hidden;display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical}
.answer{display:grid;grid-template-columns:minmax(0,1fr);gap:11.2px}
.prose{overflow-wrap:break-word;min-inline-size:0}
.prose>*{margin-block:0 .75em;contain:layout style}
.prose>:last-child{margin-block-end:0}
.prose ul,.prose ol{padding-inline-start:1.5em}
.prose li{margin-block:.2em}
.prose li>p+*{margin-block-start:.5em}
.prose h4,.prose h5,.prose h6{font-weight:650;line-height:1.35;font-size:1.05em;margin-block:1.2em .45em}
.prose>:first-child{margin-block-start:0}
.prose blockquote{margin-inline:0;padding-inline-start:.9em;border-inline-start:3px solid var(--line);color:var(--dim)}
.prose hr{border:0;border-block-start:1px solid var(--line)}
code{font:.88em/1.5 var(--mono);background:var(--code);border-radius:5px;padding:.12em .32em;overflow-wrap:anywhere}
.block{position:relative;contain:layout style}
.block .tool{position:absolute;inset-block-start:1px;inset-inline-end:1px;padding:5px;background:var(--code)}
pre{margin:0;padding:12.8px 14.4px;background:var(--code);border:1px solid var(--line);border-radius:10px;overflow:auto;direction:ltr;text-align:left;tab-size:4}
.block pre{padding-inline-end:44.8px}
pre code{background:none;padding:0;overflow-wrap:normal;white-space:pre}
.kw{color:var(--kw)}.st{color:var(--st)}.nu{color:var(--nu)}.co{color:var(--co);font-style:italic}
table{border-collapse:collapse;font-size:.92em;display:block;overflow-x:auto}
th,td{padding:.35em .7em;border-block-end:1px solid var(--line);text-align:start;vertical-align:top}
th{font-weight:650;white-space:nowrap}
.align-center{text-align:center}.align-right{text-align:end}
a{color:inherit;text-decoration:underline;text-decoration-color:var(--accent);text-decoration-thickness:.09em;text-underline-offset:.2em}
.cite{font-size:.72em;font-weight:650;padding:.15em .55em;margin-inline:.1em;text-decoration:none;vertical-align:.28em;border-radius:.7em;background:var(--soft);border:1px solid var(--line);position:relative}
.cite::after{content:"";position:absolute;inset:-4px -2px}
.preview{position:absolute;z-index:2;max-inline-size:min(352px,calc(100% - 24px));background:var(--bg);border:1px solid var(--line);border-radius:10px;box-shadow:var(--shade);padding:10.4px 13.6px;font-size:14.4px;line-height:1.5;overflow-wrap:anywhere}
.preview b{display:block;font-weight:650}
.preview span{display:-webkit-box;-webkit-line-clamp:6;-webkit-box-orient:vertical;overflow:hidden;color:var(--dim)}
.notice,.wait{display:flex;gap:.6em;font-size:14.4px;line-height:1.45;color:var(--dim);background:var(--soft);border-radius:10px;padding:8.8px 12.8px}
.notice.bad{color:var(--bad)}
.wait{align-items:center}
.dots{display:inline-flex;gap:4px;flex:none}
.dots i{inline-size:6px;block-size:6px;border-radius:50%;background:currentColor;animation:pulse 1.2s infinite}
.dots i:nth-child(2){animation-delay:.15s}.dots i:nth-child(3){animation-delay:.3s}
@keyframes pulse{0%,60%,100%{opacity:.25}30%{opacity:1}}
.sources{font-size:14.4px;display:grid;gap:5.6px}
.sources h4,.next h4,.why h4{font-size:12.48px;line-height:1.4;font-weight:650;color:var(--dim)}
.sources ol{list-style:none;display:grid;gap:2.4px}
.sources a,.sources .dead{display:flex;gap:.6em;align-items:baseline;padding:5.12px 8px;margin-inline:-8px;border-radius:8px;text-decoration:none}
.sources a:hover{background:var(--soft)}
.sources .n{flex:none;font-size:.8em;font-weight:650;min-inline-size:1.4em;text-align:center;color:var(--dim)}
.sources .where{min-inline-size:0;overflow-wrap:anywhere}
.sources small{font-size:.92em;color:var(--dim)}
.actions{display:flex;gap:1.6px;align-items:center;margin-inline-start:-5.6px;flex-wrap:wrap;font-size:14.4px;color:var(--dim)}
.why{display:grid;gap:8.8px;border:1px solid var(--line);border-radius:10px;padding:12px}
.why textarea{inline-size:100%;border:1px solid var(--dim);border-radius:8px;padding:7.2px 9.6px;background:var(--bg);resize:vertical}
.chip[aria-pressed=true]{background:var(--ink);color:var(--bg);border-color:var(--ink)}
.button{padding:6.4px 15.2px;font-weight:600;justify-self:start}
.plain{border:1px solid var(--dim);border-radius:999px}
.plain:hover{background:var(--soft)}
.next{display:grid;gap:7.2px}
footer{border-block-start:1px solid var(--line);padding:11.2px 12.8px max(9.6px,env(safe-area-inset-bottom));display:grid;grid-template-columns:minmax(0,1fr);gap:8px;background:var(--bg)}
footer>*{inline-size:100%;max-inline-size:736px;margin-inline:auto}
.badge{display:flex;align-items:center;gap:.5em;font-size:14.08px;line-height:1.4;background:var(--soft);border-radius:10px;padding:5.6px;padding-inline-start:11.2px}
.badge>div{flex:1;min-inline-size:0}
.badge b{font-weight:650;display:block}
.badge span{display:block;color:var(--dim);overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
form{display:flex;align-items:flex-end;gap:8px;border:1px solid var(--dim);border-radius:24px;padding:4.8px;padding-inline-start:15.2px;background:var(--bg)}
form:focus-within{border-color:var(--ink);box-shadow:0 0 0 1px var(--ink)}
form textarea{flex:1;min-inline-size:0;border:0;outline:0;background:none;resize:none;padding:5.6px 0;line-height:1.5;max-block-size:152px;field-sizing:content;font-size:16px}
form textarea:focus-visible{outline:0}
::placeholder{color:var(--dim);opacity:1}
form button{inline-size:35.2px;block-size:35.2px;display:grid;place-items:center;flex:none}
form button[aria-disabled=true]{background:var(--soft);color:var(--dim)}
.caution{font-size:12.16px;line-height:1.4;color:var(--dim);text-align:center;text-wrap:balance}
.picker{position:absolute;z-index:var(--z);display:flex;align-items:center;gap:.4em;padding:.4em .85em .4em .7em;font-weight:600;font-size:14.4px;box-shadow:var(--shade);white-space:nowrap}
.page .panel{position:relative;inset:auto;inline-size:100%;block-size:100%;border:0;border-radius:0;box-shadow:none;animation:none}

.page header,.page footer{border:0}
@media (max-width:40rem){.root:not(.page) .panel{inset:0;inline-size:100%;border:0;border-radius:0}}
@media (prefers-reduced-motion:reduce){*{animation-duration:.01ms!important;transition:none!important}}
@media (forced-colors:active){.launcher,.picker,.filled,.chip,.cite,form button{border:1px solid ButtonText}.chip[aria-pressed=true]{background:Highlight;color:HighlightText;forced-color-adjust:none}}
@media print{.root:not(.page){display:none}}
`;
