// "31 minutes pass": the page's clock goes ahead by what the drawer says, before anything has read it.

(() => {
  const ahead = Number(localStorage.getItem("shop_clock_ahead")) || 0;
  if (!ahead) return;
  const Real = Date;
  window.Date = /** @type {any} */ (
    class extends Real {
      /** @param {any[]} given */
      constructor(...given) {
        if (given.length) super(.../** @type {[]} */ (given));
        else super(Real.now() + ahead);
      }
      static now() {
        return Real.now() + ahead;
      }
    }
  );
})();
