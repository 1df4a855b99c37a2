"""The script of the operator's page: what a browser runs. No library, no other file."""

SCRIPT = """
'use strict';
const at = name => document.getElementById(name), view = at('view'), pen = view.getContext('2d');
const COLORS = {TRACKING: '#3cdc50', UNCERTAIN: '#ffc828', LOST: '#e63c3c', SEARCHING: '#3c78e6'};
const TOLD_MS = 6000, LEAST_PX = 4, OLD_S = 2, SHOWN_S = 30, GAP_S = 1, CHART = [300, 64];
let image = null, stamp = '0', from = null, to = null, sending = false, told = 0, dead = true;
let targets = [], thresholds = [];
const histories = new Map(), cards = new Map();

function say(text, kind) {          // what was answered stays for a while, what is so may change
  if (!kind && Date.now() - told < TOLD_MS) return;
  if (kind) told = Date.now();
  at('say').textContent = text; at('say').className = kind || ''; }
function setDead(reason) {          // nothing may be sent about a picture that is not true any more
  dead = Boolean(reason);
  document.body.classList.toggle('dead', dead);
  for (const button of document.querySelectorAll('button')) button.disabled = dead;
  if (!image) at('wait').textContent = reason || '';
  else if (dead) { from = to = null; told = 0; say(reason, 'bad'); } }

// The picture comes first on the page: it must not move while somebody draws in it.
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

function remember(now) {            // confidence over time, by target; a stamp that went back: anew
  for (const name of histories.keys())
    if (!targets.some(t => t.id == name)) histories.delete(name);
  for (const t of targets) {
    let past = histories.get(t.id) || [];
    const last = past.length ? past[past.length - 1].at : -Infinity;
    if (now < last) past = [];
    if (now > last || !past.length) past.push({at: now, value: t.confidence, state: t.state});
    while (past[0].at < now - SHOWN_S) past.shift();
    histories.set(t.id, past); } }
function chart(canvas, past) {
  const ink = canvas.getContext('2d'), [width, height] = CHART, end = past[past.length - 1].at;
  const x = time => width * (1 - (end - time) / SHOWN_S), y = v => 3 + (height - 6) * (1 - v);
  ink.clearRect(0, 0, width, height);
  past.forEach((sample, i) => {
    const next = i + 1 < past.length ? past[i + 1].at : end;
    if (next - sample.at > GAP_S) return;   // no images: nothing is known
    ink.globalAlpha = .3; ink.fillStyle = COLORS[sample.state] || '#555';
    ink.fillRect(x(sample.at), 0, Math.max(x(next) - x(sample.at), 1), height); });
  ink.globalAlpha = 1; ink.strokeStyle = ink.fillStyle = '#999'; ink.setLineDash([3, 3]);
  for (const value of thresholds) {
    ink.fillText(value.toFixed(2), 2, y(value) + 9);
    ink.beginPath(); ink.moveTo(0, y(value)); ink.lineTo(width, y(value)); ink.stroke(); }
  ink.setLineDash([]); ink.strokeStyle = '#fff'; ink.lineWidth = 1.5; ink.beginPath();
  let before = -Infinity;
  for (const {at, value} of past) {
    if (value == null) { before = -Infinity; continue; }
    ink[at - before > GAP_S ? 'moveTo' : 'lineTo'](x(at), y(value)); before = at; }
  ink.stroke(); ink.lineWidth = 1; }

function add(parent, kind, name, text) {
  const node = document.createElement(kind);
  node.className = name; node.textContent = text || ''; parent.append(node); return node; }
function card(id) {
  const box = document.createElement('article'), parts = {box}, head = add(box, 'header', '');
  for (const name of ['name', 'state']) parts[name] = add(head, 'span', name);
  parts.reason = add(box, 'p', 'reason');
  parts.plot = add(box, 'canvas', 'plot');
  [parts.plot.width, parts.plot.height] = CHART;
  parts.plot.setAttribute('role', 'img');
  parts.again = add(box, 'button', 'again', 'new box');
  parts.forget = add(box, 'button', 'forget', 'forget');
  parts.forget.onclick = () => post('clear', {id});
  return parts; }
function list() {
  for (const [id, parts] of cards)
    if (!targets.some(t => t.id == id)) { parts.box.remove(); cards.delete(id); }
  for (const t of targets) {
    if (!cards.has(t.id)) cards.set(t.id, card(t.id));
    if (!cards.get(t.id).box.parentNode) at('targets').append(cards.get(t.id).box);
    const parts = cards.get(t.id), value = t.confidence == null ? '?' : t.confidence.toFixed(2);
    parts.name.textContent = t.label && t.label != t.id ? `${t.id} (${t.label})` : t.id;
    parts.state.textContent = `${t.state} ${value}`;
    parts.state.style.color = parts.box.style.borderColor = COLORS[t.state] || '#999';
    parts.reason.textContent = t.reason || '';
    parts.plot.setAttribute('aria-label', `confidence of ${t.id}: ${value}, ${t.state}`);
    parts.again.onclick = () => {
      at('id').value = t.id; at('label').value = t.label;
      say(`drag a box round ${t.id}`, 'good'); };
    chart(parts.plot, histories.get(t.id)); }
  at('clear').hidden = targets.length < 2; }

async function show(answer) {
  const bitmap = await createImageBitmap(await answer.blob());
  if (from) return;                 // the image stands still while a box is drawn
  image = bitmap; stamp = answer.headers.get('X-Stamp');
  if (view.width != image.width || view.height != image.height) {
    view.width = image.width; view.height = image.height; }
  view.hidden = false; at('wait').hidden = true;
  paint();
  targets = JSON.parse(answer.headers.get('X-Targets') || '[]');
  thresholds = JSON.parse(answer.headers.get('X-Thresholds') || '[]');
  remember(Number(stamp) / 1e9); list();
  const age = Number(answer.headers.get('X-Age')), lost = missing();
  const old = `no image for ${age.toFixed(0)} s: picture, states and confidence are old`;
  setDead(age > OLD_S ? old : '');
  if (dead) return;
  if (at('say').className == 'bad' && Date.now() - told > TOLD_MS) at('say').className = '';
  if (lost.length) say(`${lost.map(t => t.id).join(', ')} lost: drag a new box round it`);
  else say(targets.length ? 'drag a box to start again or to add a target (another id)'
                          : 'drag a box round the target; the image stands still meanwhile'); }
async function next() {
  if (!from && !sending && !document.hidden) try {
    const answer = await fetch('frame.jpg', {cache: 'no-store'});
    if (answer.ok) await show(answer); else setDead(await answer.text());
  } catch (error) { setDead('no connection to the program that serves this page; trying again'); }
  setTimeout(next, dead ? 300 : 60); }
async function post(path, content) {
  sending = true;
  try {
    const answer = await fetch(path, {method: 'POST', body: JSON.stringify(content)});
    say(await answer.text(), answer.ok ? 'good' : 'bad');
  } catch (error) { say('no connection: nothing was sent', 'bad'); }
  sending = false; }
view.onpointerdown = event => {
  if (!image || dead || !event.isPrimary || event.button) return;
  view.setPointerCapture(event.pointerId); from = place(event); to = null; };
view.onpointermove = event => { if (from && event.isPrimary) { to = place(event); paint(); } };
view.onpointercancel = () => { from = to = null; };
window.onkeydown = event => { if (event.key == 'Escape') { from = to = null; paint(); } };
view.onpointerup = async event => {
  if (!from || !event.isPrimary) return;
  to = place(event);
  const box = corners();
  from = to = null;
  if (box[2] < LEAST_PX || box[3] < LEAST_PX) {
    say('drag from one corner to the opposite one'); return; }
  const lost = missing(), only = !at('id').value && lost.length == 1 ? lost[0] : null;
  await post('init', {box, stamp, id: only ? only.id : at('id').value,
                      label: only ? only.label : at('label').value}); };
at('clear').onclick = () => post('clear', {});
next();
"""
