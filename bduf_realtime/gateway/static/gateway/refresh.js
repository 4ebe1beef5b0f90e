// Keeps parts of a page as they are on the server: whatever has data-refresh is fetched again every few seconds, but
// not while nobody looks, while the pointer holds a selection in it, or while an earlier answer is still awaited.
"use strict";

(() => {
  const EVERY = 3000;
  const PATIENCE = 10000;

  const holdsSelection = (part) => {
    const selection = document.getSelection();
    return selection && !selection.isCollapsed && part.contains(selection.anchorNode);
  };

  const refresh = async (part) => {
    const response = await fetch(part.dataset.refresh, {
      credentials: "same-origin",
      redirect: "error", // signed out meanwhile: the sign-in page is no part of this one
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (!response.ok) throw new Error(`status ${response.status}`);
    const html = await response.text();
    if (document.hidden || holdsSelection(part)) return;
    const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    part.innerHTML = html;
    if (focused) part.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  };

  const keep = (part) => {
    let timer = 0;
    let busy = false;
    const turn = async () => {
      clearTimeout(timer);
      if (document.hidden || busy) return;
      busy = true;
      try {
        await refresh(part);
        part.classList.remove("op-stale");
      } catch {
        part.classList.add("op-stale");
      }
      busy = false;
      timer = setTimeout(turn, EVERY);
    };
    document.addEventListener("visibilitychange", turn);
    timer = setTimeout(turn, EVERY);
  };

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-refresh]").forEach(keep));
})();
