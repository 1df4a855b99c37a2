"""What the browser of an operator gets: one page, no other files."""

from siamla_ros.online.operator_script import SCRIPT

STYLE = """
  body { font: 16px/1.4 system-ui, sans-serif; margin: 0; background: #1b1d20; color: #ddd; }
  footer, #targets { display: flex; flex-wrap: wrap; gap: .6em 1.2em; align-items: center;
    padding: .6em 1em; }
  input, button { font: inherit; color: #eee; background: #2b2f34; border: 1px solid #555;
    border-radius: 4px; padding: .25em .5em; }
  input { width: 8em; }
  button { cursor: pointer; }
  button:disabled { color: #777; background: #222; border-color: #333; cursor: not-allowed; }
  #wait { padding: 3em 1em; margin: 0; font-size: 1.3em; max-width: 40em; }
  #say { flex: 1 1 16em; min-height: 1.4em; }
  #say.bad { color: #ff8a7a; }
  #say.good { color: #8fe388; }
  main { display: flex; flex-wrap: wrap; align-items: flex-start; }
  #stage { flex: 1 1 600px; max-width: 1600px; }
  #targets { flex: 0 1 330px; box-sizing: border-box; align-items: flex-start; }
  #view { display: block; width: 100%; max-height: 80vh; object-fit: contain;
    object-position: left top; cursor: crosshair; touch-action: none; }
  #view[hidden] { display: none; }
  article { border: 2px solid #999; border-radius: 6px; padding: .5em .7em; width: 300px;
    box-sizing: border-box; }
  header { display: flex; gap: .8em; justify-content: space-between; }
  .name { font-weight: bold; overflow: hidden; text-overflow: ellipsis; }
  .state { white-space: nowrap; }
  .reason { min-height: 1.4em; margin: .2em 0; }
  .plot { display: block; width: 100%; height: 64px; background: #111; margin: .4em 0; }
  .again, .forget { margin-right: .6em; }
  .dead #view, .dead article { filter: grayscale(1) brightness(.55); }
  .dead #view { cursor: not-allowed; }
"""
PAGE = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>siamla_ros: operator's page</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>{STYLE}</style></head><body class="dead">
<main>
<div id="stage"><p id="wait">connecting ...</p><canvas id="view" width="640" height="480" hidden>
</canvas>
<footer>
  <label>id <input id="id" placeholder="target" maxlength="128"></label>
  <label>label <input id="label" placeholder="any" maxlength="128"></label>
  <button id="clear" title="forget all targets" hidden>forget all</button>
  <span id="say" role="status"></span>
</footer></div>
<section id="targets" aria-label="targets"></section></main>
<script>{SCRIPT}</script></body></html>
"""
