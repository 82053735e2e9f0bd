// What the shop does in the page: a cart in localStorage, and one Analytics.js call for what happened.

/** @typedef {{ product_id: string, sku: string, name: string, category: string, price: number, quantity: number }} Line */

const analytics = /** @type {any} */ (window).analytics;
const CART = "shop_cart";
const PERSON = "shop_person";

/** @returns {Line[]} */
const cart = () => JSON.parse(localStorage.getItem(CART) ?? "[]");
/** @param {Line[]} lines */
const keep = (lines) => localStorage.setItem(CART, JSON.stringify(lines));
/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);
/** @param {number} amount */
const euros = (amount) => `€ ${amount.toFixed(2)}`;
/** @param {Line[]} lines */
const total = (lines) => Math.round(lines.reduce((sum, one) => sum + one.price * one.quantity, 0) * 100) / 100;

function showHeader() {
  const count = cart().reduce((sum, one) => sum + one.quantity, 0);
  element("cart-link").querySelector("b").textContent = count || "";
  element("person").textContent = localStorage.getItem(PERSON) ?? "Sign in";
}

/** @param {boolean} removable */
function showLines(removable) {
  const lines = cart();
  element("lines").replaceChildren(
    ...lines.map((line) => {
      const row = document.createElement("tr");
      for (const text of [line.name, `${line.quantity} ×`, euros(line.price)]) {
        row.insertCell().textContent = text;
      }
      if (removable) {
        const button = document.createElement("button");
        button.className = "quiet";
        button.textContent = "Remove";
        button.addEventListener("click", () => {
          keep(cart().filter((one) => one.product_id !== line.product_id));
          analytics.track("Product Removed", line);
          showLines(true);
          showHeader();
        });
        row.insertCell().append(button);
      }
      return row;
    }),
  );
  element("empty").hidden = lines.length > 0;
  for (const id of ["to-checkout", "ordering"]) {
    if (element(id)) element(id).hidden = lines.length === 0;
  }
  if (element("total")) element("total").textContent = euros(total(lines));
}

/** @type {Record<string, () => void>} what each page does when it opens */
const PAGES = {
  product() {
    const { about, ...product } = JSON.parse(element("product").textContent);
    analytics.track("Product Viewed", product);
    element("add").addEventListener("click", () => {
      const lines = cart();
      const known = lines.find((one) => one.product_id === product.product_id);
      if (known) known.quantity += 1;
      else lines.push({ ...product, quantity: 1 });
      keep(lines);
      analytics.track("Product Added", { ...product, quantity: 1 });
      showHeader();
    });
  },
  cart() {
    showLines(true);
    analytics.track("Cart Viewed", { products: cart() });
  },
  checkout() {
    showLines(false);
    if (cart().length === 0) return; // who has nothing starts no checkout
    analytics.track("Checkout Started", { value: total(cart()), currency: "EUR", products: cart() });
    element("order").addEventListener("click", () => {
      const products = cart();
      if (products.length === 0) return showLines(false); // ordered in another tab
      const sum = total(products);
      const order = { order_id: `o-${Date.now()}`, total: sum, revenue: sum, currency: "EUR", products };
      analytics.track("Order Completed", order);
      keep([]);
      location.href = "/thanks";
    });
  },
  "sign-in"() {
    /** @param {string} id @param {(given: Record<string, string>) => string} act */
    const form = (id, act) =>
      element(id).addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        const given = Object.fromEntries(new FormData(/** @type {HTMLFormElement} */ (event.target)));
        element("said").textContent = act(/** @type {any} */ (given));
        showHeader();
      });
    form("sign-in", ({ name, email }) => {
      analytics.identify(`user-${email}`, { name, email, plan: "regular" });
      analytics.track("Signed In", { method: "form" });
      localStorage.setItem(PERSON, name);
      return `Welcome, ${name}.`;
    });
    form("company", ({ company }) => {
      const { selectedOptions } = element("company").elements.company;
      analytics.group(company, { name: selectedOptions[0].textContent, plan: "trade" });
      return `You are buying for ${selectedOptions[0].textContent}.`;
    });
    form("join", ({ email }) => {
      analytics.alias(analytics.user?.()?.id?.() ?? "user-ada@example.com", `user-${email}`);
      return `Events of ${email} count as yours.`;
    });
    element("sign-out").addEventListener("click", () => {
      analytics.track("Signed Out");
      analytics.reset();
      localStorage.removeItem(PERSON);
      showHeader();
    });
  },
};

PAGES[document.body.dataset.page ?? ""]?.();
showHeader();
// Until now nobody would have heard of a click.
for (const button of document.querySelectorAll("main button")) /** @type {any} */ (button).disabled = false;
