// Draws how the server did in the last ten minutes. The samples are of the process that answers, fetched every two
// seconds while somebody looks; where calls go to one process and then another, each has samples of its own. Chart.js
// comes with the admin's theme. Every number that is drawn stands beside it as text.
"use strict";

(() => {
  const EVERY = 2000;
  const PATIENCE = 10000;
  const SHOWN = 600000; // ms of samples
  const FORGOTTEN = 20000; // ms after which a process that does not answer any more is left out
  const LINES = 6; // colours, and lines of one chart
  const DASHES = [[], [6, 3], [2, 2]]; // so that lines differ without their colours

  const stages = (field) => (sample) =>
    Object.fromEntries(Object.entries(sample.stages).map(([stage, latency]) => [stage, latency[field]]));
  const waiting = (sample) => ({
    "commands awaiting their commit": sample.waiting.journal,
    "documents awaiting a version": sample.waiting.versions,
    "texts awaiting a snapshot": sample.waiting.snapshots,
  });

  // `of` makes numbers by name of a sample; `sparse` leaves out names without any, `total` adds up.
  const CHARTS = [
    { title: "Connections", unit: "open", of: (sample) => sample.connections, sparse: true },
    { title: "Messages", unit: "per second", of: (sample) => ({ in: sample.messages_in, out: sample.messages_out }) },
    { title: "Commits", unit: "per second", of: (sample) => ({ commands: sample.commands, transactions: sample.commits }) },
    { title: "Latency, half of the commands (p50)", unit: "ms", of: stages("p50_ms"), sparse: true },
    { title: "Latency, 99 of 100 commands (p99)", unit: "ms", of: stages("p99_ms"), sparse: true },
    { title: "Unsaved", unit: "waiting", of: waiting },
    { title: "Refusals", unit: "in two seconds", of: (sample) => sample.refusals, sparse: true, total: true },
  ];

  const element = (tag, className = "", text = "") => Object.assign(document.createElement(tag), { className, textContent: text });
  const clock = (at) => new Date(at).toISOString().slice(11, 19);
  const written = (value) => (value == null ? "-" : value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 2 : 0 }));
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  class Figure {
    constructor(kind) {
      this.kind = kind;
      this.places = new Map(); // a name keeps its colour while others come and go
      this.element = element("figure", "op-chart");
      this.values = element("dl");
      this.canvas = element("canvas");
      this.canvas.setAttribute("role", "img");
      const caption = element("figcaption", "", `${kind.title} `);
      caption.append(element("small", "op-quiet", kind.unit));
      const frame = element("div");
      frame.append(this.canvas);
      this.element.append(caption, frame, this.values);
    }

    names(samples) {
      const sums = new Map();
      for (const sample of samples)
        for (const [name, value] of Object.entries(sample.numbers.get(this.kind)))
          sums.set(name, (sums.get(name) ?? 0) + (value ?? 0));
      const names = [...sums.keys()].filter((name) => !this.kind.sparse || sums.get(name));
      const most = names.sort((a, b) => (this.kind.total ? sums.get(b) - sums.get(a) : 0)).slice(0, LINES);
      for (const name of this.places.keys()) if (!most.includes(name)) this.places.delete(name);
      for (const name of most) {
        const taken = new Set(this.places.values());
        const free = [...Array(LINES).keys()].find((place) => !taken.has(place));
        if (!this.places.has(name)) this.places.set(name, free);
      }
      return most.map((name) => [name, this.kind.total ? sums.get(name) : samples.at(-1).numbers.get(this.kind)[name]]);
    }

    show(samples) {
      const names = samples.length ? this.names(samples) : [];
      const now = samples.at(-1)?.time;
      const datasets = names.map(([name]) => {
        const place = this.places.get(name);
        const absent = this.kind.total ? 0 : null;
        const data = samples.map((sample) => ({ x: (sample.time - now) / 60000, y: sample.numbers.get(this.kind)[name] ?? absent }));
        const alone = ({ dataIndex: i }) => (data[i - 1]?.y == null && data[i + 1]?.y == null ? 2 : 0);
        const line = colour(`--op-line-${place + 1}`);
        return {
          ...{ label: name, data, borderColor: line, backgroundColor: line, borderWidth: 1.5, borderDash: DASHES[place % 3] },
          ...{ pointRadius: alone, pointHoverRadius: 3, hoverBackgroundColor: line, hoverBorderColor: line },
        };
      });
      this.draw(datasets, now);
      this.tell(names);
    }

    draw(datasets, now) {
      this.chart ??= new Chart(this.canvas, { type: "line", data: { datasets: [] }, options: {} });
      const [text, grid] = [colour("--op-chart-text"), colour("--op-chart-grid")];
      const axis = (title, more) => ({ title: { display: true, text: title, color: text }, grid: { color: grid }, ...more });
      this.chart.options = {
        ...{ animation: false, parsing: false, normalized: true, maintainAspectRatio: false },
        interaction: { mode: "index", intersect: false },
        plugins: {
          legend: { display: false },
          tooltip: { callbacks: { title: ([point]) => (point ? `${clock(now + point.parsed.x * 60000)} UTC` : "") } },
        },
        scales: {
          x: axis("minutes ago", {
            ...{ type: "linear", min: -SHOWN / 60000, max: 0 },
            ticks: { color: text, stepSize: 2, maxRotation: 0, callback: (value) => (value ? -value : "now") },
          }),
          y: axis(this.kind.unit, { beginAtZero: true, suggestedMax: 1, ticks: { color: text, maxTicksLimit: 5 } }),
        },
      };
      this.chart.data.datasets = datasets;
      this.chart.update("none");
    }

    tell(names) {
      const told = names.map(([name, value]) => [name, written(value) + (this.kind.total ? " in ten minutes" : "")]);
      const label = told.map((words) => words.join(" ")).join(", ") || "none";
      this.canvas.setAttribute("aria-label", `${this.kind.title}, ${this.kind.unit}: ${label}`);
      const rows = told.map(([name, text]) => {
        const row = element("div");
        const place = this.places.get(name);
        row.append(element("i", `op-swatch op-line-${place + 1} op-dash-${place % 3}`));
        row.append(element("dt", "", name), element("dd", "", text));
        return row;
      });
      this.values.replaceChildren(...(rows.length ? rows : [element("div", "op-quiet", "none in ten minutes")]));
    }
  }

  class Board {
    constructor(root) {
      this.root = root;
      this.processes = new Map();
      this.figures = CHARTS.map((kind) => new Figure(kind));
      this.chooser = root.querySelector("select");
      this.chooser.addEventListener("change", () => this.show());
      this.root.querySelector(".op-charts").append(...this.figures.map((figure) => figure.element));
      this.busy = false;
      document.addEventListener("visibilitychange", () => this.turn());
      new MutationObserver(() => this.show()).observe(document.documentElement, { attributeFilter: ["class"] });
      this.turn();
    }

    async turn() {
      clearTimeout(this.timer);
      if (document.hidden || this.busy) return;
      this.busy = true;
      try {
        this.take(await this.ask());
        this.show();
        this.complain("");
      } catch (error) {
        const since = this.answered ? ` since ${clock(this.answered)} UTC` : "";
        this.complain(error.told ?? `The server has not answered${since}. Asking again.`);
      }
      this.busy = false;
      this.timer = setTimeout(() => this.turn(), EVERY);
    }

    async ask() {
      const newest = [...this.processes.values()].map((process) => process.samples.at(-1)?.at ?? "");
      const since = newest.length ? newest.reduce((a, b) => (Date.parse(a) <= Date.parse(b) ? a : b)) : "";
      const url = since ? `${this.root.dataset.samples}?since=${encodeURIComponent(since)}` : this.root.dataset.samples;
      const signal = AbortSignal.timeout(PATIENCE);
      const response = await fetch(url, { credentials: "same-origin", redirect: "error", signal });
      if ([401, 403].includes(response.status)) {
        throw Object.assign(new Error(), { told: "You are signed out, or may not see this any more. Load the page again." });
      }
      if (!response.ok) throw new Error(`status ${response.status}`);
      return response.json();
    }

    take({ instance, samples }) {
      this.answered = Date.now();
      const process = this.processes.get(instance) ?? { samples: [] };
      this.processes.set(instance, Object.assign(process, { answered: this.answered }));
      for (const sample of samples) {
        sample.time = Date.parse(sample.at);
        sample.numbers = new Map(CHARTS.map((kind) => [kind, kind.of(sample)]));
        if (sample.time > (process.samples.at(-1)?.time ?? 0)) process.samples.push(sample);
      }
      const newest = process.samples.at(-1)?.time;
      process.samples = process.samples.filter((sample) => sample.time >= newest - SHOWN);
      for (const [name, { answered }] of this.processes) if (this.answered - answered > FORGOTTEN) this.processes.delete(name);
    }

    show() {
      const chosen = this.processes.has(this.chooser.value) ? this.chooser.value : [...this.processes.keys()][0];
      const names = [...this.processes.keys()].sort();
      if (names.join() !== [...this.chooser.options].map((option) => option.value).join()) {
        this.chooser.replaceChildren(...names.map((name) => new Option(name, name, false, name === chosen)));
      }
      this.chooser.disabled = names.length < 2;
      const samples = this.processes.get(chosen)?.samples ?? [];
      for (const figure of this.figures) figure.show(samples);
    }

    complain(text) {
      const trouble = this.root.querySelector("[role=alert]");
      if (trouble.textContent !== text) trouble.textContent = text;
      this.root.classList.toggle("op-stale-charts", Boolean(text));
    }
  }

  for (const root of document.querySelectorAll("[data-samples]")) new Board(root);
})();
