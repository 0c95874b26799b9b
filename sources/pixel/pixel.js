// Shoprelay's pixel: tells the shop's own collector what a visitor does, once the visitor has agreed.
// Whatever fails in here, the page does not notice: nothing throws, nothing is waited for.
// Comments stand on lines of their own: they are left out when this is served.
(function () {
  "use strict";
  var NAME = "shoprelay_id";
  var KEPT_SECONDS = 34560000;
  var MOST_HELD = 20;
  var UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  var script = document.currentScript;
  var stub = window.shoprelay;
  // consent: "granted" keeps the id in the browser, "memory" only on this page, "denied" has none and tells nothing;
  // while nothing was said, events are held here and nothing leaves
  var consent, id, who, held = [];

  function attempt(what) {
    try {
      return what();
    } catch (ignored) {
      return undefined;
    }
  }

  // -- the visitor's id

  function uuid() {
    var bytes = attempt(function () { return crypto.getRandomValues(new Uint8Array(16)); });
    if (!bytes) {
      bytes = [];
      while (bytes.length < 16) bytes.push(Math.floor(Math.random() * 256));
    }
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    var hex = Array.prototype.map.call(bytes, function (byte) { return (byte + 256).toString(16).slice(1); }).join("");
    return hex.replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }

  function cookie(value, seconds) {
    attempt(function () {
      var secure = location.protocol === "https:" ? "; Secure" : "";
      document.cookie = NAME + "=" + value + "; Path=/; Max-Age=" + seconds + "; SameSite=Lax" + secure;
    });
  }

  function stored() {
    var found = attempt(function () { return localStorage.getItem(NAME); }) ||
      attempt(function () { return document.cookie.match(/(?:^|; )shoprelay_id=([^;]*)/)[1]; });
    return UUID.test(found) ? found : undefined;
  }

  function keep() {
    attempt(function () { localStorage.setItem(NAME, id); });
    cookie(id, KEPT_SECONDS);
  }

  function forget() {
    attempt(function () { localStorage.removeItem(NAME); });
    cookie("", 0);
  }

  function agree(answer) {
    if (answer !== "granted" && answer !== "memory" && answer !== "denied") return;
    consent = answer;
    if (answer === "denied") {
      forget();
      id = who = undefined;
      held = [];
      return;
    }
    if (answer === "granted") {
      id = stored() || id || uuid();
      keep();
    } else {
      forget();
      id = id || uuid();
    }
    held.splice(0).forEach(send);
  }

  // -- telling

  function send(event) {
    var shop = script.src.match(/[?&]shop=([^&#]*)/)[1];
    var url = script.src.replace(/\/v1\/pixel\.js.*/, "/v1/pixel/" + shop);
    var body = JSON.stringify({
      key: script.getAttribute("data-key"), sent_at: Date.now(), anonymous_id: id, who: who, events: [event]
    });
    // a text needs no question beforehand, and a beacon outlives the page
    if (attempt(function () { return navigator.sendBeacon(url, body); })) return;
    fetch(url, { method: "POST", body: body, keepalive: true, credentials: "omit" }).catch(function () {});
  }

  function tell(type, fields) {
    if (consent === "denied") return;
    var event = Object.assign({ type: type, id: uuid(), at: Date.now() }, fields);
    if (consent) send(event);
    else if (held.length < MOST_HELD) held.push(event);
  }

  // an address without what follows "?" and "#", where names and tokens stand
  function bare(address) {
    return /^https?:/.test(address) ? address.split(/[?#]/)[0].slice(0, 1000) : undefined;
  }

  function text(value) {
    return typeof value === "number" ? String(value) : value;
  }

  // ids are texts, even where the page has numbers
  function product(item, base) {
    var all = Object.assign(base || {}, item);
    ["product_id", "variant_id", "sku"].forEach(function (name) { all[name] = text(all[name]); });
    return all;
  }

  // -- what the page may say

  var says = {
    active: function () {
      tell("active", { url: bare(location.href), referrer: bare(document.referrer) });
    },
    viewed: function (item, currency) {
      tell("viewed", { item: product(item, { url: bare(location.href) }), currency: currency });
    },
    added: function (item, currency) {
      tell("added", { item: product(item), currency: currency });
    },
    searched: function (query, results) {
      tell("searched", { query: String(query).slice(0, 500), results: results });
    },
    identify: function (person) {
      if (consent === "denied") return;
      who = { customer_id: text(person.customer_id), email: person.email, signature: person.signature };
      tell("identified");
    },
    consent: agree
  };

  function start() {
    var waiting = (stub && stub.q) || [];
    var api = {};
    Object.keys(says).forEach(function (name) {
      api[name] = function () {
        var given = arguments;
        attempt(function () { says[name].apply(null, given); });
      };
    });
    window.shoprelay = api;
    var answers = waiting.filter(function (call) { return call[0] === "consent"; });
    if (answers.length) answers.forEach(function (call) { api.consent.apply(null, call[1]); });
    else api.consent(script.getAttribute("data-consent"));
    api.active();
    waiting.forEach(function (call) {
      if (call[0] !== "consent" && api[call[0]]) api[call[0]].apply(null, call[1]);
    });
  }

  attempt(function () {
    // twice on one page is once; a page that is only prepared has nobody on it yet
    if (stub && !stub.q) return;
    if (document.prerendering) document.addEventListener("prerenderingchange", function () { attempt(start); }, { once: true });
    else start();
  });
})();
