// Where there is a margin for it, the list of contents stands open.
(() => {
  "use strict";

  const wide = window.matchMedia("(min-width: 64rem)");
  const unfold = () => { document.querySelector("nav details").open = wide.matches; };
  unfold();
  wide.addEventListener("change", unfold);
})();
