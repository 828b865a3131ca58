/* All clips on one clock: each is a strip of frames, moved up by whole frames. */
{
  const play = document.getElementById("play");
  const seek = document.getElementById("seek");
  const clips = [...document.querySelectorAll(".screen img")];
  let now = 0; // seconds
  let before = 0; // milliseconds, of the last drawn frame; 0 while paused

  const show = () => {
    for (const clip of clips) {
      const frames = Number(clip.dataset.frames);
      // A shorter clip waits on its last frame for the longest one. Times are sums of steps: 0.1249999 is frame 1 of 8 a second.
      const frame = Math.min(frames - 1, Math.floor(now * Number(clip.dataset.fps) + 1e-6));
      clip.style.transform = `translateY(${(-100 * frame) / frames}%)`;
    }
    seek.value = now;
    seek.setAttribute("aria-valuetext", `${now.toFixed(1)} seconds`);
    document.getElementById("clock").textContent = `${now.toFixed(1)} s`;
  };
  const step = (time) => {
    if (!before) return;
    now = (now + (time - before) / 1000) % Number(play.dataset.seconds);
    before = time;
    show();
    requestAnimationFrame(step);
  };
  const pause = () => {
    before = 0;
    play.textContent = "Play all";
  };
  if (play) {
    play.addEventListener("click", () => {
      if (before) return pause();
      before = performance.now();
      play.textContent = "Pause all";
      requestAnimationFrame(step);
    });
    seek.addEventListener("input", () => {
      pause();
      now = Math.min(Number(seek.value), Number(play.dataset.seconds) - 1e-3);
      show();
    });
  }
}
