// The page's behaviour: interactive charts (d3), tables (DataTables), the details of a row, copying a command.
// Text from rows reaches the document through textContent alone.
"use strict";

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement.dataset.root;

  /** An element with attributes and children; strings become text. */
  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") made.addEventListener(name, value);
      else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  const known = (value) => value !== null && value !== undefined && value !== "";

  /** A number for a person, to so many significant digits; a dash where there is none. */
  function number(value, digits = 4) {
    if (!known(value)) return "–";
    if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e6)) return value.toExponential(digits - 1);
    return value.toLocaleString("en", { maximumSignificantDigits: Math.max(digits, Math.ceil(Math.log10(Math.abs(value) + 1))) });
  }

  const interval = (low, high) => (known(low) && known(high) ? `${number(low, 3)} to ${number(high, 3)}` : "");

  // ---- commands -----------------------------------------------------------------------------------------------

  function command(text, what) {
    const parts = text.split(" ").flatMap((word) => [" ", element("span", {}, word)]).slice(1); // lines break between words
    return element("div", { class: "command" }, element("code", {}, ...parts),
      element("button", { type: "button", class: "copy", "aria-label": `Copy the command of ${what}` }, "Copy"));
  }

  async function copy(button) {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code); // no clipboard: select the command, to be copied by hand
      button.textContent = "Marked";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }

  // ---- details ------------------------------------------------------------------------------------------------

  /** A dialog with everything about a line: pairs of name and value, and the command. */
  function details(title, pairs, text) {
    const dialog = element("dialog", { "aria-label": title, close: () => dialog.remove() });
    const list = element("dl", { class: "facts" });
    for (const [name, value] of pairs) {
      if (known(value)) list.append(element("div", {}, element("dt", {}, name), element("dd", {}, String(value))));
    }
    dialog.append(
      element("button", { type: "button", class: "close", click: () => dialog.close() }, "Close"),
      element("h2", {}, title), command(text, title), list);
    document.body.append(dialog);
    dialog.showModal();
  }

  const opener = (what, open) =>
    element("button", { type: "button", class: "more", "aria-label": `Details of ${what}`, click: open }, "Details");

  // ---- tables -------------------------------------------------------------------------------------------------

  /** A column whose cells are made by `show` (an element); sorted and searched by `value`. */
  function column(title, value, show, options = {}) {
    // DataTables decodes HTML entities in searched text: give it none
    const plain = (v) => (known(v) ? String(v).replace(/[&<>]/g, " ") : "");
    return {
      title, data: null, type: options.text ? "string" : "num", className: options.className ?? "",
      orderable: options.orderable ?? true, searchable: options.searchable ?? true,
      render: (line, type) => {
        if (type === "display") return show(line);
        if (type !== "sort") return plain(value(line));
        return options.text ? plain(value(line)).toLowerCase() : value(line) ?? Infinity;
      },
    };
  }

  const words = (title, value, className = "") =>
    column(title, value, (line) => element("span", {}, known(value(line)) ? String(value(line)) : "–"), { text: true, className });

  const figures = (title, value, digits = 4, className = "") =>
    column(title, value, (line) => element("span", {}, number(value(line), digits)), { className: `number ${className}` });

  function link(line, name) {
    return element("a", { href: `${root}samplers/${line.page}.html` }, name);
  }

  /** A list of choices that filters a table by a value of its lines. */
  function choice(table, title, lines, value, show) {
    const options = [...new Set(lines.map(value))].sort((a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b));
    if (options.length < 2) return null;
    const select = element("select", { change: () => {
      const wanted = select.selectedIndex - 1;
      table().search.fixed(title, wanted < 0 ? null : (_, line) => value(line) === options[wanted]).draw();
    } }, element("option", {}, "all"), ...options.map((o) => element("option", {}, show(o))));
    return element("label", { class: "choice" }, `${title} `, select);
  }

  /** Make a table: its lines drawn page by page, a search field and choices above it. */
  function table(node, lines, columns, order, choices) {
    let made;
    const filters = choices.map(([title, value, show]) => choice(() => made, title, lines, value, show)).filter(Boolean);
    made = new DataTable(node, {
      data: lines, columns, order, autoWidth: false, pageLength: 25, lengthChange: false,
      layout: { topStart: () => element("div", { class: "choices" }, ...filters), topEnd: "search", bottomStart: "info",
        bottomEnd: lines.length > 25 ? "paging" : null },
      language: { search: "Search", emptyTable: "There are no rows." },
    });
    // wide tables scroll, also by keyboard
    const frame = node.parentElement;
    frame.classList.add("frame");
    frame.tabIndex = 0;
    frame.setAttribute("role", "region");
    frame.setAttribute("aria-label", node.caption.textContent);
  }

  function board(node) {
    const { lines, measure } = data.views[node.dataset.view];
    const wide = "wide";
    table(node, lines, [
      figures("Budget", (l) => l.budget),
      column("Rank", (l) => l.place, (l) => element("span", { class: l.place === 1 ? "first" : "" }, l.rank), { className: "number" }),
      column("Sampler", (l) => `${l.name} ${l.status}`, (l) => element("span", {}, link(l, l.name), ...(l.status ? [element("small", {}, l.status)] : [])), { text: true, className: "name" }),
      column(measure, (l) => l.value, (l) => element("span", { class: l.place === 1 ? "first" : "" }, number(l.value)), { className: "number" }),
      column("95 % interval", (l) => l.low, (l) => element("span", {}, interval(l.low, l.high) || "–"), { className: `number ${wide}` }),
      figures("NFE spent", (l) => l.nfe, 4, wide),
      ...(lines.some((l) => known(l.seconds)) ? [figures("Seconds / 1,000", (l) => l.seconds, 3, wide)] : []),
      ...(lines.some((l) => known(l.memory)) ? [figures("MB", (l) => l.memory, 4, wide)] : []),
      column("", () => "", (l) => opener(`${l.name} at ${l.budget ?? "any budget"}`, () => details(l.name, [
        ["Budget (NFE asked)", l.budget ?? "adaptive"], ["NFE spent", number(l.nfe)], ["Rank", l.rank], [measure, number(l.value)],
        ["95 % interval", interval(l.low, l.high)], ["Seconds per 1,000 samples", number(l.seconds, 3)],
        ["Peak memory, MB", number(l.memory)], ["On", l.device], ["Seeds", l.seeds],
        ["Schedule", l.schedule], ["Grid", l.grid], ["Package", l.package], ["Not ranked because", l.status],
      ], l.command)), { orderable: false, searchable: false, text: true }),
    ], [[0, "asc"], [1, "asc"]], [["Budget", (l) => l.budget ?? Infinity, (b) => (b === Infinity ? "adaptive" : String(b))]]);
  }

  /** The rows as objects, from their columns. */
  function decoded({ n, columns }) {
    const lines = Array.from({ length: n }, () => ({}));
    for (const [name, { values, index }] of Object.entries(columns)) {
      for (let i = 0; i < n; i++) lines[i][name] = index ? values[index[i]] ?? null : values[i];
    }
    return lines;
  }

  function rows(node) {
    const lines = decoded(data.rows);
    const metric = data.metrics.filter((name) => lines.some((l) => known(l[name])));
    const several = (name) => new Set(lines.map((l) => l[name])).size > 1;
    table(node, lines, [
      column("Sampler", (l) => l.sampler, (l) => element("span", {}, link(l, l.sampler),
        element("small", { class: "narrow" }, `${l.model}, seed ${l.seed}`)), { text: true, className: "name" }),
      ...(several("model") ? [words("Model", (l) => l.model, "wide")] : []),
      figures("NFE asked", (l) => l.nfe_requested), figures("NFE spent", (l) => l.nfe, 4, "wide"), figures("Seed", (l) => l.seed, 4, "wide"),
      ...metric.map((name) => figures(name, (l) => l[name])),
      figures("Seconds", (l) => (["false", "0"].includes(String(l.timing_valid).toLowerCase()) ? null : l.wall_s), 3, "wide"), words("Status", (l) => l.status, "wide"),
      column("", () => "", (l) => opener(`${l.sampler} at ${l.nfe_requested ?? "any budget"}, seed ${l.seed}`,
        () => details(l.sampler, Object.entries(l).filter(([name]) => !["reproduce", "page"].includes(name)), l.reproduce)),
      { orderable: false, searchable: false, text: true }),
    ], [0, 1, 2, 3, 4].slice(0, several("model") ? 5 : 4).map((i) => [i, "asc"]), [
      ["Model", (l) => l.model, String], ["Budget", (l) => l.nfe_requested ?? Infinity, (b) => (b === Infinity ? "adaptive" : String(b))],
      ["Status", (l) => l.status, String]].filter(([, value]) => new Set(lines.map(value)).size > 1));
  }

  // ---- charts -------------------------------------------------------------------------------------------------

  const COSTS = { nfe: "evaluations", seconds: "seconds", memory: "memory" };
  const MARKERS = [[d3.symbolCircle, 0], [d3.symbolSquare, 0], [d3.symbolTriangle, 0], [d3.symbolDiamond, 0], [d3.symbolTriangle, 180],
    [d3.symbolCross, 0], [d3.symbolCross, 45], [d3.symbolStar, 0], [d3.symbolWye, 0]];
  const COLOURS = 7;
  const DASHES = ["", "7 3", "1.5 2.5", "8 3 2 3"];
  const MARGIN = { top: 16, right: 20, bottom: 52, left: 64 };

  const transform = (marker) => (marker[1] ? `rotate(${marker[1]})` : null);

  /** 5, 10, 20 over a few decades, powers of ten over many, even steps over a small range; as many as there is room for. */
  function ticks(scale, room) {
    const [low, high] = scale.domain();
    if (high / low < 5) return d3.ticks(low, high, Math.min(room, 6));
    for (const steps of [[1, 2, 5], [1, 3], [1]]) {
      const found = [];
      for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++) {
        found.push(...steps.map((s) => Number(`${s}e${e}`)).filter((v) => v >= low && v <= high));
      }
      if (found.length <= room) return found;
    }
    return scale.ticks(room);
  }

  /** Values that were asked for, as far as there is room; null for a single one, or if they leave half a decade bare. */
  function preferred(values, scale) {
    const [low, high] = scale.domain();
    const inside = values.filter((v) => v >= low && v <= high);
    if (inside.length < 2 || inside[0] / low > 10 ** 0.5 || high / inside.at(-1) > 10 ** 0.5) return null;
    return inside.reduce((kept, v) => (kept.length && scale(v) - scale(kept.at(-1)) < 28 ? kept : [...kept, v]), []);
  }

  /** A logarithmic scale that holds the values with room at both ends, in proportion to their range. */
  function scale(values, range) {
    const [low, high] = d3.extent(values);
    const room = high / low < 1.0001 ? 1.08 : (high / low) ** 0.08;
    return d3.scaleLog([low / room, high * room], range);
  }

  /** How each line looks, by its name; grey lines and published points share one look. */
  function looks(lines) {
    const wholes = lines.filter((l) => l.role === "whole");
    const bright = lines.filter((l) => l.role === "line" && !l.grey);
    return new Map(lines.map((l) => {
      const i = bright.indexOf(l);
      if (i >= 0) return [l.name, { colour: `c${i % COLOURS}`, marker: MARKERS[i % MARKERS.length], dash: DASHES[i % DASHES.length] }];
      return [l.name, { colour: l.role === "line" ? "faint" : l.role, marker: MARKERS[0],
        dash: l.role === "whole" ? DASHES[wholes.indexOf(l) % DASHES.length] : null }];
    }));
  }

  class Chart {
    /** charts: by what the quality costs; all have the same lines. */
    constructor(figure, charts) {
      this.figure = figure;
      this.charts = charts;
      this.cost = Object.keys(charts)[0];
      const lines = Object.values(charts).flatMap((c) => c.lines);
      this.all = d3.sort(lines.filter((l, i) => lines.findIndex((m) => m.name === l.name) === i), (l) => l.role === "published");
      this.looks = looks(this.all);
      this.hidden = new Set(this.all.filter((l) => l.muted).map((l) => l.name));
      this.picked = new Set(); // pressed in the legend
      this.pointed = null; // under the mouse, or focused
      this.tip = element("div", { class: "tip", hidden: "", role: "status" });
      this.frame = element("div", { class: "canvas" }, this.tip);
      this.caption = element("span");
      this.zoom = element("button", { type: "button", class: "zoom", "aria-pressed": "false", click: () => {
        this.zoom.setAttribute("aria-pressed", String(this.zoom.getAttribute("aria-pressed") !== "true"));
        this.draw(true);
      } });
      figure.replaceChildren(this.choice(), element("div", { class: "plot" }, this.frame, this.legend()),
        element("figcaption", {}, this.caption, " ", this.zoom));
      new ResizeObserver(() => requestAnimationFrame(() => this.draw())).observe(this.frame); // drawing changes its height
    }

    get chart() { return this.charts[this.cost]; }

    choice() {
      const costs = Object.keys(this.charts);
      const set = element("fieldset", { class: "costs" }, element("legend", {}, this.figure.dataset.choose ?? "Against"));
      if (costs.length < 2) set.hidden = true;
      const group = `cost-${this.figure.dataset.view}`;
      for (const cost of costs) {
        const radio = element("input", { type: "radio", name: group, change: () => { this.cost = cost; this.draw(true); } });
        radio.checked = cost === this.cost;
        set.append(element("label", {}, radio, ` ${COSTS[cost] ?? cost}`));
      }
      return set;
    }

    /** The lines by name: a pointed or pressed one stands out; published points are shown and hidden. */
    legend() {
      const list = element("ul", { class: "legend", "aria-label": "Lines of the plot" });
      const others = element("ul", { class: "legend", "aria-label": "Other lines of the plot" });
      if (this.chart.front) {
        const swatch = d3.create("svg").attr("width", 34).attr("height", 14).attr("aria-hidden", "true");
        swatch.append("path").attr("class", "front").attr("d", "M4,7H30");
        list.append(element("li", { class: "name" }, swatch.node(), this.chart.front));
      }
      this.entries = new Map();
      for (const line of this.all.filter((l) => l.role !== "guide")) {
        const item = element("li", {}, this.entry(line));
        this.entries.set(line.name, item);
        (line.grey ? others : list).append(item);
      }
      if (others.childElementCount) {
        this.others = element("summary");
        list.append(element("li", {}, element("details", {}, this.others, others)));
      }
      return list;
    }

    entry({ name, role }) {
      const { colour, marker, dash } = this.looks.get(name);
      const swatch = d3.create("svg").attr("width", 34).attr("height", 14).attr("aria-hidden", "true").attr("class", colour);
      if (role !== "published") swatch.append("line").attr("x2", 34).attr("y1", 7).attr("y2", 7).attr("stroke-dasharray", dash);
      swatch.append("g").attr("transform", "translate(17,7)").append("path").attr("class", "swatch").attr("transform", transform(marker)).attr("d", d3.symbol(marker[0], 80)());
      const point = (value) => () => { this.pointed = value; this.highlight(); };
      const button = element("button", { type: "button", class: role === "published" ? "others" : null, "aria-pressed": "false",
        pointerenter: point(name), pointerleave: point(null), focus: point(name), blur: point(null), click: () => {
          const set = role === "published" ? this.hidden : this.picked;
          if (!set.delete(name)) set.add(name);
          button.setAttribute("aria-pressed", String(role === "published" ? !set.has(name) : set.has(name)));
          if (role === "published") this.draw(true); else this.highlight();
        } }, swatch.node(), role === "published" ? `show ${name}` : name);
      if (role === "published") button.setAttribute("aria-pressed", String(!this.hidden.has(name)));
      return button;
    }

    /** The picked lines stand out, and the others step back. */
    highlight() {
      const on = (name) => this.picked.has(name) || this.pointed === name;
      const svg = d3.select(this.frame).select("svg");
      svg.selectAll(".line, .point").classed("on", (d) => on(d.name));
      svg.classed("picked", svg.selectAll(".on").size() > 0);
    }

    draw(again = false) {
      const width = Math.floor(this.frame.clientWidth);
      if (!width || (width === this.width && !again)) return;
      this.width = width;
      this.height = Math.round(Math.min(Math.max(width * 0.58, 300), 440));
      const chart = this.chart;
      const here = new Set(chart.lines.map((l) => l.name));
      for (const [name, entry] of this.entries) entry.hidden = !here.has(name);
      if (this.others) {
        const n = this.all.filter((l) => l.grey && here.has(l.name)).length;
        this.others.textContent = n === 1 ? "1 other, grey" : `${n} others, grey`;
        this.others.closest("li").hidden = !n;
      }
      this.lines = chart.lines.filter((l) => !this.hidden.has(l.name));
      this.scales();
      const svg = d3.create("svg").attr("viewBox", `0 0 ${width} ${this.height}`).attr("width", width).attr("height", this.height)
        .attr("role", "group").attr("aria-label", `${chart.title}: ${chart.y} against ${chart.x}. Arrow keys go from point to point.`);
      const clip = `clip-${this.figure.dataset.view}`;
      svg.append("clipPath").attr("id", clip).append("rect").attr("x", MARGIN.left).attr("y", MARGIN.top - 8)
        .attr("width", width - MARGIN.left).attr("height", this.height - MARGIN.bottom - MARGIN.top + 8);
      this.axes(svg);
      const inside = svg.append("g").attr("clip-path", `url(#${clip})`);
      if (chart.front) this.front(inside);
      const of = (...roles) => this.lines.filter((l) => roles.includes(l.role));
      for (const line of d3.sort(of("line", "whole"), (l) => !this.faint(l))) this.line(inside, line);
      this.marks(svg);
      for (const line of of("guide")) this.guide(svg, line);
      this.frame.querySelector("svg")?.remove();
      this.frame.prepend(svg.node());
      if (chart.front) this.nameFront(svg);
      this.caption.textContent = [chart.caption, ...this.lines.map((l) => l.note)].filter(known).join(" ");
      this.hide();
    }

    faint(line) { return this.looks.get(line.name).colour === "faint"; }

    /** The axes hold the bright lines and the front; the rest of the grey ones may leave the frame, unless all points are asked for. */
    scales() {
      const every = this.lines.flatMap((l) => l.points);
      const whole = this.zoom.getAttribute("aria-pressed") === "true";
      const coloured = this.lines.some((l) => l.role !== "guide" && !this.faint(l));
      const onFront = (l) => (this.chart.front ? l.points.filter((p) => p.strong) : []);
      const bright = this.lines.flatMap((l) => (whole || !coloured || !this.faint(l) ? l.points : onFront(l)));
      const points = bright.length ? bright : every.length ? every : this.chart.lines.flatMap((l) => l.points);
      const factor = this.chart.lines.some((l) => l.grey) ? 1.5 : 3;
      const near = (p) => [p.y, Math.max(p.low ?? p.y, p.y / factor), Math.min(p.high ?? p.y, p.y * factor)].filter((v) => v > 0);
      this.x = scale((every.length ? every : points).map((p) => p.x), [MARGIN.left, this.width - MARGIN.right]);
      this.y = scale(points.flatMap(near), [this.height - MARGIN.bottom, MARGIN.top]);
      const [low, high] = this.y.domain();
      this.inside = (p) => p.y >= low && p.y <= high;
      const outside = every.filter((p) => !this.inside(p)).length;
      this.zoom.hidden = !outside && !whole;
      this.zoom.textContent = whole ? "Scale to the best lines" : `Show ${outside} point${outside > 1 ? "s" : ""} outside`;
    }

    axes(svg) {
      const { x, y, width, height, chart } = this;
      const grid = svg.append("g").attr("class", "grid").attr("aria-hidden", "true");
      const asked = preferred(chart.ticks, x) ?? ticks(x, Math.floor(width / 60)).filter((t) => !chart.x.startsWith("NFE") || Number.isInteger(t));
      for (const tick of asked) {
        grid.append("line").attr("x1", x(tick)).attr("x2", x(tick)).attr("y1", MARGIN.top).attr("y2", height - MARGIN.bottom);
        grid.append("text").attr("x", x(tick)).attr("y", height - MARGIN.bottom + 18).attr("text-anchor", "middle").text(number(tick));
      }
      for (const tick of ticks(y, Math.floor(height / 40))) {
        grid.append("line").attr("x1", MARGIN.left).attr("x2", width - MARGIN.right).attr("y1", y(tick)).attr("y2", y(tick));
        grid.append("text").attr("x", MARGIN.left - 8).attr("y", y(tick) + 4).attr("text-anchor", "end").text(number(tick));
      }
      const label = width < 480 ? chart.x.split(" (")[0].split(",")[0] + (chart.x.startsWith("seconds") ? ",000 samples" : "") : chart.x;
      grid.append("text").attr("class", "label").attr("x", (MARGIN.left + width - MARGIN.right) / 2).attr("y", height - 10).attr("text-anchor", "middle").text(label);
      grid.append("text").attr("class", "label").attr("transform", `translate(14,${(height - MARGIN.bottom) / 2})rotate(-90)`).attr("text-anchor", "middle").text(chart.y);
    }

    /** The staircase through the points that none beats, with its name. */
    front(svg) {
      const corners = this.chart.lines.filter((l) => l.role === "line").flatMap((l) => l.points).filter((p) => p.strong).sort((a, b) => a.x - b.x);
      if (!corners.length) return;
      const path = d3.line((p) => this.x(p.x), (p) => this.y(p.y)).curve(d3.curveStepAfter)(corners);
      svg.append("path").attr("class", "front").attr("d", path).append("title").text(this.chart.front);
    }

    /** The names of the points on the front, on its better side, where no point and no name of a guide lies; one without room is left out. */
    nameFront(svg) {
      const taken = svg.selectAll(".guide text").nodes().map((text) => text.getBBox());
      const sign = this.chart.highest ? -1 : 1;
      const front = this.points.filter((q) => q.strong && q.role === "line").sort((a, b) => a.x - b.x);
      for (const p of front) {
        for (const [anchor, beside, away] of [["end", -8, 13], ["start", 8, 26]]) {
          const text = svg.append("text").attr("class", "corner").attr("aria-hidden", "true").attr("text-anchor", anchor)
            .attr("x", this.x(p.x) + beside).attr("y", this.y(p.y) + 5 + sign * away).text(p.name);
          const { x, y, width, height } = text.node().getBBox();
          const free = taken.every((t) => x > t.x + t.width + 6 || x + width + 6 < t.x || y > t.y + t.height + 6 || y + height + 6 < t.y);
          const beyond = front.every((q) => q === p || this.x(q.x) < x || this.x(q.x) > x + width || sign * (this.y(q.y) - (sign > 0 ? y : y + height)) < 0);
          const inside = x > MARGIN.left && x + width < this.width && y > 0 && y + height < this.height - MARGIN.bottom;
          if (free && beyond && inside) {
            taken.push({ x, y, width, height });
            break;
          }
          text.remove();
        }
      }
    }

    /** A line, and its intervals as a band; as bars, where only one is known or x does not rise from point to point. */
    line(svg, line) {
      const { x, y } = this;
      const look = this.looks.get(line.name);
      const group = svg.append("g").datum(line).attr("class", `line ${look.colour}`).attr("aria-hidden", "true");
      const [bottom, top] = y.range();
      const low = (p) => (p.low > 0 ? y(p.low) : bottom + 1);
      const sure = line.points.filter((p) => known(p.low) && known(p.high));
      const rising = sure.every((p, i) => !i || p.x > sure[i - 1].x); // a band over a curve that turns would be wedges
      if (sure.length > 1 && rising) group.append("path").attr("class", "band").attr("d", d3.area((p) => x(p.x), low, (p) => y(p.high))(sure));
      else for (const p of sure) group.append("path").attr("class", "bar").attr("d", `M${x(p.x)},${low(p)}V${Math.max(y(p.high), top)}`);
      group.append("path").attr("class", "path").attr("stroke-dasharray", look.dash).attr("d", d3.line((p) => x(p.x), (p) => y(p.y))(line.points));
    }

    /** A dashed line with its name: below its middle, or across the frame where it is level. */
    guide(svg, { name, points }) {
      const { x, y } = this;
      const [first, last] = [points[0], points.at(-1)];
      const level = first.y === last.y;
      const [left, right] = level ? x.range() : [x(first.x), x(last.x)];
      const label = level ? [left + 4, y(first.y) + 14] : [(left + right) / 2 - 6, (y(first.y) + y(last.y)) / 2 + 14];
      const group = svg.append("g").attr("class", "guide").attr("aria-hidden", "true");
      group.append("path").attr("class", "path").attr("stroke-dasharray", "2 2").attr("d", `M${left},${y(first.y)}L${right},${y(last.y)}`);
      group.append("text").attr("class", "corner").attr("text-anchor", level ? "start" : "end").attr("x", label[0]).attr("y", label[1]).text(name);
    }

    /** The points: each can be reached by keyboard and says what it is. */
    marks(svg) {
      const { x, y, chart } = this;
      this.points = d3.sort(this.lines.filter((l) => l.role !== "guide"), (l) => !this.faint(l))
        .flatMap((line) => line.points.filter(this.inside).map((p) => ({ ...p, name: line.name, role: line.role })));
      const groups = svg.selectAll(".point").data(this.points).join("g")
        .attr("class", (p) => `point ${this.looks.get(p.name).colour} ${p.strong ? "" : "dominated"}`)
        .attr("transform", (p) => `translate(${x(p.x)},${y(p.y)})`).attr("tabindex", (p, i) => (i ? -1 : 0)).attr("role", "img")
        .attr("aria-label", (p) => this.says(p).join(", "));
      groups.append("circle").attr("class", "halo").attr("r", 9);
      groups.append("path").attr("class", "mark").attr("transform", (p) => transform(this.looks.get(p.name).marker))
        .attr("d", (p) => d3.symbol(this.looks.get(p.name).marker[0], this.faint(p) ? 30 : 90)());
      this.nodes = groups.nodes();
      this.nodes.forEach((node, i) => {
        node.addEventListener("focus", () => this.show(i));
        node.addEventListener("blur", () => this.hide());
        node.addEventListener("keydown", (event) => this.key(event, i));
      });
      const nearest = this.points.length ? d3.Delaunay.from(this.points, (p) => x(p.x), (p) => y(p.y)) : null;
      svg.on("pointermove pointerdown", (event) => {
        const [px, py] = d3.pointer(event);
        const i = nearest ? nearest.find(px, py) : -1;
        const p = this.points[i];
        if (p && Math.hypot(x(p.x) - px, y(p.y) - py) < 40) this.show(i); else this.hide();
      }).on("pointerleave", () => this.hide());
      svg.attr("data-cost", this.cost).attr("aria-roledescription", chart.front ? "work–precision diagram" : "line chart");
    }

    says(p) {
      const bars = interval(p.low, p.high);
      if (p.role === "published") return [p.name, p.label, `${this.chart.y.split(" (")[0]} ${number(p.y)}`];
      return [p.name, p.label, `${this.chart.y} ${number(p.y)}${bars ? ` (95 %: ${bars})` : ""}`,
        ...(this.cost === "nfe" || !COSTS[this.cost] ? [] : [`${number(p.x, 3)} ${this.cost === "seconds" ? "s per 1,000 samples" : "MB"}`]),
        ...(this.chart.front && p.strong && p.role === "line" ? [this.chart.front] : [])];
    }

    key(event, i) {
      const at = this.points[i];
      const same = this.points.map((p, j) => j).filter((j) => this.points[j].name === at.name);
      const names = [...new Set(this.points.map((p) => p.name))];
      const beside = (step) => same[same.indexOf(i) + step];
      const across = (step) => {
        const name = names[(names.indexOf(at.name) + step + names.length) % names.length];
        return d3.least(this.points.map((p, j) => j).filter((j) => this.points[j].name === name), (j) => Math.abs(Math.log(this.points[j].x / at.x)));
      };
      const next = { ArrowRight: () => beside(1), ArrowLeft: () => beside(-1), ArrowDown: () => across(1), ArrowUp: () => across(-1) }[event.key];
      if (event.key === "Escape") this.hide();
      if (!next) return;
      event.preventDefault();
      const j = next();
      if (j === undefined) return;
      this.nodes[i].setAttribute("tabindex", -1);
      this.nodes[j].setAttribute("tabindex", 0);
      this.nodes[j].focus();
    }

    show(i) {
      const p = this.points[i];
      const [name, ...rest] = this.says(p);
      this.tip.replaceChildren(element("strong", {}, name), ...rest.map((t) => element("span", {}, t)));
      this.tip.hidden = false;
      this.nodes.forEach((node, j) => node.classList.toggle("active", i === j));
      this.pointed = p.name;
      this.highlight();
      const left = Math.min(Math.max(this.x(p.x) + 14, 4), this.width - this.tip.offsetWidth - 4);
      const above = this.y(p.y) - this.tip.offsetHeight - 14;
      this.tip.style.left = `${left}px`;
      this.tip.style.top = `${above > 4 ? above : this.y(p.y) + 16}px`;
    }

    hide() {
      this.tip.hidden = true;
      this.nodes?.forEach((node) => node.classList.remove("active"));
      this.pointed = null;
      this.highlight();
    }
  }

  // ---- everything ---------------------------------------------------------------------------------------------

  document.addEventListener("click", (event) => { if (event.target.matches(".copy")) copy(event.target); });
  for (const figure of document.querySelectorAll("figure.chart")) new Chart(figure, data.views[figure.dataset.view].charts);
  if (document.querySelector("table.board, table.rows")) DataTable.ext.errMode = "throw";
  document.querySelectorAll("table.board").forEach(board);
  document.querySelectorAll("table.rows").forEach(rows);
})();
