"use strict";
(() => {
  const byId = id => document.getElementById(id);
  const study = JSON.parse(byId("study").textContent);
  const inFolder = study.plan !== null;
  const FRAMES_KEPT = 48e6; // decoded pixels of one clip, four bytes each
  const LONGEST_STEP = 0.25; // seconds; a page that was hidden goes on where it was

  // What a browser that keeps nothing would lose is still there until the page is left.
  const shelf = {
    get(key, missing) {
      try { return JSON.parse(localStorage.getItem(`vote:${study.study}:${key}`)) ?? missing; } catch { return missing; }
    },
    set(key, value) {
      try { localStorage.setItem(`vote:${study.study}:${key}`, JSON.stringify(value)); return true; } catch { return false; }
    },
  };

  // Clips: scripts that call voteClip, so that they also load where a page may not read files.
  class Clip {
    constructor({ width, height, ends, frames }) {
      Object.assign(this, { width, height, ends, shown: -1 });
      this.sources = frames.map(text => new Blob([Uint8Array.from(atob(text), letter => letter.charCodeAt(0))], { type: "image/webp" }));
      this.decoded = new Map();
      this.pending = new Set();
      this.ahead = Math.min(frames.length, Math.max(4, Math.floor(FRAMES_KEPT / (width * height))));
    }
    get seconds() { return this.ends[this.ends.length - 1]; }
    indexAt(seconds) {
      const index = this.ends.findIndex(end => end > seconds);
      return index < 0 ? this.ends.length - 1 : index;
    }
    ready() { return Promise.all(Array.from({ length: this.ahead }, (_, index) => this.decode(index))); }
    frame(index) {
      if (this.decoded.size === this.sources.length) return this.decoded.get(index);
      const wanted = new Set(Array.from({ length: this.ahead }, (_, step) => (index + step) % this.sources.length));
      for (const held of [...this.decoded.keys()]) {
        if (!wanted.has(held)) { this.decoded.get(held).close(); this.decoded.delete(held); }
      }
      for (const next of wanted) this.decode(next);
      return this.decoded.get(index);
    }
    async decode(index) {
      if (this.decoded.has(index) || this.pending.has(index)) return;
      this.pending.add(index);
      try { this.decoded.set(index, await createImageBitmap(this.sources[index])); }
      catch { report("A video cannot be shown by this browser."); return; } // stays pending: asking again would not help
      this.pending.delete(index);
    }
  }

  const clips = new Map();
  const arriving = new Map();
  window.voteClip = body => arriving.get(body.name)?.(new Clip(body));
  function load(name) {
    if (!clips.has(name)) {
      clips.set(name, new Promise((resolve, reject) => {
        const script = document.createElement("script");
        arriving.set(name, resolve);
        script.onload = script.onerror = event => {
          script.remove();
          arriving.delete(name);
          if (event.type === "error") { clips.delete(name); reject(new Error(name)); }
        };
        script.src = `clips/${name}.js`;
        document.head.append(script);
      }));
    }
    return clips.get(name);
  }
  function keepOnly(names) {
    for (const name of [...clips.keys()]) if (!names.includes(name)) clips.delete(name);
  }

  // Both videos hang on one clock: the shorter one waits on its last frame, and both begin again together.
  const player = {
    clips: [], seconds: 0, position: 0, last: 0, playing: false, watched: false,
    show(pair) {
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      Object.assign(this, { clips: pair, seconds: Math.max(...pair.map(clip => clip.seconds)), position: 0, watched: false });
      ["left", "right"].forEach((side, index) => {
        const canvas = byId(side);
        canvas.width = pair[index].width;
        canvas.height = pair[index].height;
        pair[index].shown = -1;
      });
      const aspect = Math.min(...pair.map(clip => clip.width / clip.height)); // one box for both
      byId("stage").style.setProperty("--aspect", String(aspect));
      this.play(!still);
    },
    play(on) {
      if (on && this.position >= this.seconds) this.position = 0;
      this.playing = on;
      byId("play").textContent = on ? "Pause" : "Play";
    },
    restart() { this.position = 0; this.play(true); },
    tick(now) {
      const step = Math.min((now - this.last) / 1000, LONGEST_STEP);
      this.last = now;
      if (!this.clips.length) return;
      const images = this.clips.map(clip => clip.frame(clip.indexAt(this.position)));
      if (images.includes(undefined)) return; // neither goes on without the other
      this.clips.forEach((clip, index) => {
        const frame = clip.indexAt(this.position);
        if (clip.shown === frame) return;
        byId(index ? "right" : "left").getContext("2d").drawImage(images[index], 0, 0);
        clip.shown = frame;
      });
      if (!this.playing) return;
      this.position += step;
      if (this.position < this.seconds) return;
      if (!this.watched) { this.watched = true; refresh(); }
      if (byId("loop").checked) this.position = 0; else this.play(false);
    },
  };
  const tick = now => { player.tick(now); requestAnimationFrame(tick); };

  // Answers: kept in this browser first. A server is told again and again until it says that it has them.
  const outbox = {
    unsent: shelf.get("unsent", []), sending: false, pause: 1000,
    async send() {
      if (this.sending) return;
      this.sending = true;
      while (this.unsent.length) {
        const reply = await post("vote", this.unsent[0]);
        if (reply === null) {
          report("Not saved yet: the study cannot be reached. Trying again.");
          await new Promise(done => setTimeout(done, this.pause));
          this.pause = Math.min(2 * this.pause, 10000);
          continue;
        }
        report(reply.error ? `An answer was not taken: ${reply.error}.` : "");
        this.pause = 1000;
        this.unsent.shift();
        shelf.set("unsent", this.unsent);
        if (!byId("done").hidden) finish();
      }
      this.sending = false;
    },
    add(rater, answer) {
      this.unsent.push({ rater, answer });
      shelf.set("unsent", this.unsent);
      this.send();
    },
  };
  async function post(route, body) {
    try {
      const reply = await fetch(route, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
      return reply.status >= 500 ? null : await reply.json();
    } catch { return null; }
  }

  const state = { rater: "", trials: [], answered: new Set(), current: null, question: null, since: 0, saved: true };
  const key = (trial, question) => `${trial} ${question}`;
  const folderKey = () => `folder ${study.plan.slot}`;

  function report(text) { byId("problem").textContent = text; }
  function show(id) { for (const part of ["welcome", "trial", "done"]) byId(part).hidden = part !== id; }

  async function join(rater) {
    let plan = study.plan;
    let answered;
    if (inFolder) {
      state.kept = { ...shelf.get(folderKey(), { answers: [] }), rater };
      shelf.set(folderKey(), state.kept);
      answered = state.kept.answers;
    } else {
      plan = await post("join", { rater });
      if (plan === null || plan.error) {
        welcome(plan ? `That name was not taken: ${plan.error}.` : "The study cannot be reached. Try again.");
        return;
      }
      answered = plan.answered.concat(outbox.unsent.filter(item => item.rater === rater).map(item => item.answer));
      shelf.set("rater", rater);
      outbox.send();
    }
    Object.assign(state, { rater, trials: plan.trials, answered: new Set(answered.map(one => key(one.trial, one.question))), current: null });
    byId("who").textContent = `Rating as ${rater}`;
    next();
  }

  function welcome(problem = "") {
    show("welcome");
    byId("welcome-problem").textContent = problem;
    byId("rater").focus();
  }

  async function next() {
    const trial = state.trials.find(one => study.questions.some(question => !state.answered.has(key(one.id, question.name))));
    if (!trial) { finish(); return; }
    const place = state.trials.indexOf(trial);
    const later = state.trials.slice(place + 1).find(one => !state.answered.has(key(one.id, study.questions[0].name)));
    const question = study.questions.find(one => !state.answered.has(key(trial.id, one.name)));
    const isNew = trial !== state.current;
    Object.assign(state, { current: trial, question, since: performance.now() });
    byId("progress").textContent = `Pair ${place + 1} of ${state.trials.length}`;
    byId("bar").style.width = `${100 * place / state.trials.length}%`;
    byId("question").textContent = question.text;
    byId("caption").hidden = question.name !== "faithfulness";
    byId("caption").textContent = question.name === "faithfulness" ? trial.caption : "";
    byId("ask").reset();
    show("trial");
    if (isNew) await open(trial, later);
    refresh();
    byId(isNew ? "progress" : "question").focus();
  }

  async function open(trial, later) {
    player.clips = [];
    player.watched = false;
    for (const side of ["left", "right"]) {
      const canvas = byId(side);
      canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    }
    refresh("Loading the videos …");
    keepOnly([trial.left, trial.right]);
    try {
      const pair = await Promise.all([trial.left, trial.right].map(load));
      await Promise.all(pair.map(clip => clip.ready())); // so that nothing halts once they play
      if (state.current !== trial) return;
      player.show(pair);
      state.since = performance.now();
    } catch {
      refresh("The videos cannot be loaded. Trying again …");
      setTimeout(() => { if (state.current === trial) open(trial, later).then(() => refresh()); }, 2000);
      return;
    }
    if (later) [later.left, later.right].forEach(name => load(name).catch(() => {})); // while these are looked at
  }

  const chosen = () => byId("ask").elements.choice.value;
  function refresh(text) {
    for (const input of byId("ask").querySelectorAll("input")) input.disabled = !player.watched;
    byId("next").disabled = !(player.watched && chosen());
    if (text !== undefined) byId("hint").textContent = text;
    else if (player.clips.length) byId("hint").textContent = player.watched ? "" : "Watch both to the end once, then answer.";
  }

  function answer() {
    if (byId("next").disabled) return;
    const seconds = Math.round(performance.now() - state.since) / 1000;
    const given = { trial: state.current.id, question: state.question.name, choice: chosen(), seconds };
    state.answered.add(key(given.trial, given.question));
    if (inFolder) {
      const there = shelf.get(folderKey(), state.kept); // with what another window of this page may have added
      if (there.answers.length > state.kept.answers.length) state.kept = there;
      if (!state.kept.answers.some(one => key(one.trial, one.question) === key(given.trial, given.question))) state.kept.answers.push(given);
      state.saved = false;
      if (!shelf.set(folderKey(), state.kept)) report("This browser keeps nothing: save your votes before you leave this page.");
    } else {
      outbox.add(state.rater, given);
    }
    next();
  }

  function finish() {
    player.clips = [];
    show("done");
    const number = state.trials.length;
    const waiting = outbox.unsent.length;
    byId("saved").textContent = inFolder
      ? `You have answered everything about all ${number} pairs.`
      : waiting ? `Saving ${waiting} more. Leave this page open.` : `All your answers about ${number} pairs are saved. You may close this page.`;
    byId("thanks").focus();
  }

  function save() {
    const body = { format: "vidgauge votes 1", study: study.study, slot: study.plan.slot, ...state.kept };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(body, null, 1)], { type: "application/json" }));
    link.download = `votes-rater-${study.plan.slot + 1}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    state.saved = true;
  }

  byId("join").addEventListener("submit", event => {
    event.preventDefault();
    const rater = byId("rater").value.trim();
    if (rater) join(rater);
  });
  byId("ask").addEventListener("submit", event => { event.preventDefault(); answer(); });
  byId("ask").addEventListener("change", () => refresh());
  byId("play").addEventListener("click", () => player.play(!player.playing));
  byId("restart").addEventListener("click", () => player.restart());
  byId("leave")?.addEventListener("click", () => { player.clips = []; state.current = null; shelf.set("rater", ""); welcome(); });
  for (const button of document.querySelectorAll(".save")) button.addEventListener("click", save);
  addEventListener("beforeunload", event => { if (outbox.unsent.length || !state.saved) event.preventDefault(); });
  addEventListener("keydown", event => {
    if (byId("trial").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    const choices = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "same", ArrowDown: "same" };
    const radio = byId("ask").querySelector(`input[value="${choices[event.key]}"]`);
    const onButton = event.target.closest("button, input[type=checkbox]");
    if (radio) { if (!radio.disabled) { radio.checked = true; radio.focus(); refresh(); } }
    else if (event.key === "Enter" && !onButton) answer();
    else if (event.key === " " && !onButton) player.play(!player.playing);
    else if (event.key.toLowerCase() === "r") player.restart();
    else if (event.key.toLowerCase() === "l") byId("loop").click();
    else return;
    event.preventDefault();
  });

  requestAnimationFrame(tick);
  const before = inFolder ? shelf.get(folderKey(), {}).rater : shelf.get("rater", "");
  byId("rater").value = before || "";
  if (before) join(before); else welcome();
})();
