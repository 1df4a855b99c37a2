"""What the browser of an operator gets from the operator page: one page, no other files."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>siamla_ros: name the target</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  body { font: 16px/1.4 system-ui, sans-serif; margin: 0; background: #1b1d20; color: #ddd; }
  footer { display: flex; flex-wrap: wrap; gap: .6em 1.2em; align-items: center;
    padding: .6em 1em; }
  input, button { font: inherit; color: #eee; background: #2b2f34; border: 1px solid #555;
    border-radius: 4px; padding: .25em .5em; }
  input { width: 8em; }
  button { cursor: pointer; }
  #say { flex: 1 1 16em; min-height: 1.4em; }
  #say.bad { color: #ff8a7a; }
  #say.good { color: #8fe388; }
  canvas { display: block; width: 100%; max-width: 1600px; max-height: 80vh; object-fit: contain;
    object-position: left top; background: #000; cursor: crosshair; touch-action: none; }
  #targets { display: flex; flex-wrap: wrap; gap: .5em; }
  #targets button { border-width: 2px; }
</style></head><body>
<div id="stage"><canvas id="view" width="640" height="480"></canvas></div>
<footer>
  <label>id <input id="id" placeholder="target" maxlength="128"></label>
  <label>label <input id="label" placeholder="any" maxlength="128"></label>
  <span id="targets"></span><button id="clear" title="forget all targets" hidden>forget all</button>
  <span id="say" role="status">connecting ...</span>
</footer>
<script>
const at = name => document.getElementById(name), view = at('view'), pen = view.getContext('2d');
// The picture comes first on the page: it must not move while somebody draws in it.
const COLORS = {TRACKING: '#3cdc50', UNCERTAIN: '#ffc828', LOST: '#e63c3c', SEARCHING: '#3c78e6'};
const TOLD_MS = 6000, LEAST = 4;
let image = null, stamp = '0', from = null, to = null, sending = false, told = 0, targets = [];

function say(text, kind) {          // what was answered stays for a while, what is so may change
  if (!kind && Date.now() - told < TOLD_MS) return;
  if (kind) told = Date.now();
  at('say').textContent = text; at('say').className = kind || ''; }
function place(event) {             // pixels of the image; the picture may be shown at any size
  const box = view.getBoundingClientRect();
  const scale = Math.min(box.width / view.width, box.height / view.height);
  const inside = (value, size) => Math.min(Math.max(value / scale, 0), size);
  return [inside(event.clientX - box.left, view.width),
          inside(event.clientY - box.top, view.height)]; }
function corners() {
  return [Math.min(from[0], to[0]), Math.min(from[1], to[1]),
          Math.abs(from[0] - to[0]), Math.abs(from[1] - to[1])]; }
function paint() {
  if (!image) return;
  pen.drawImage(image, 0, 0);
  if (!from || !to) return;
  pen.lineWidth = Math.max(2, view.width / view.getBoundingClientRect().width * 2);
  pen.strokeStyle = '#fff'; pen.strokeRect(...corners()); }
function missing() { return targets.filter(t => t.state == 'LOST' || t.state == 'SEARCHING'); }
function list(news) {
  if (JSON.stringify(news) == JSON.stringify(targets)) return;
  targets = news;
  at('clear').hidden = !targets.length;
  at('targets').replaceChildren(...targets.map(t => {
    const button = document.createElement('button');
    const confidence = t.confidence == null ? '?' : t.confidence.toFixed(1);
    button.textContent = `${t.id} ${t.state} ${confidence}`;
    button.title = 'give this target a new box';
    button.style.borderColor = COLORS[t.state] || '#555';
    button.onclick = () => { at('id').value = t.id; at('label').value = t.label; };
    return button; })); }
async function show(answer) {
  const bitmap = await createImageBitmap(await answer.blob());
  if (from) return;                 // the image stands still while a box is drawn
  image = bitmap; stamp = answer.headers.get('X-Stamp');
  if (view.width != image.width || view.height != image.height) {
    view.width = image.width; view.height = image.height; }
  paint();
  list(JSON.parse(answer.headers.get('X-Targets') || '[]'));
  const age = Number(answer.headers.get('X-Age')), lost = missing();
  if (age > 2) say(`no image for ${age.toFixed(0)} s: the one shown is old`);
  else if (lost.length) say(`${lost.map(t => t.id).join(', ')} lost: drag a new box round it`);
  else say(targets.length ? 'drag a box to start again or to add a target (another id)'
                          : 'drag a box round the target; the image stands still meanwhile'); }
async function next() {
  if (!from && !sending && !document.hidden) try {
    const answer = await fetch('frame.jpg', {cache: 'no-store'});
    if (answer.ok) await show(answer); else say(await answer.text());
  } catch (error) { say('no connection to the operator page; trying again'); }
  setTimeout(next, 60); }
async function post(path, content) {
  sending = true;
  try {
    const answer = await fetch(path, {method: 'POST', body: JSON.stringify(content)});
    say(await answer.text(), answer.ok ? 'good' : 'bad');
  } catch (error) { say('no connection to the operator page: nothing was sent', 'bad'); }
  sending = false; }
view.onpointerdown = event => {
  if (!image || !event.isPrimary || event.button) return;
  view.setPointerCapture(event.pointerId); from = place(event); to = null; };
view.onpointermove = event => { if (from && event.isPrimary) { to = place(event); paint(); } };
view.onpointercancel = () => { from = to = null; };
window.onkeydown = event => { if (event.key == 'Escape') { from = to = null; paint(); } };
view.onpointerup = async event => {
  if (!from || !event.isPrimary) return;
  to = place(event);
  const box = corners();
  from = to = null;
  if (box[2] < LEAST || box[3] < LEAST) { say('drag from one corner to the opposite one'); return; }
  const lost = missing(), only = !at('id').value && lost.length == 1 ? lost[0] : null;
  await post('init', {box, stamp, id: only ? only.id : at('id').value,
                      label: only ? only.label : at('label').value}); };
at('clear').onclick = () => post('clear', {});
next();
</script></body></html>
"""
