/** The price over time. Loaded when the room has something to draw; the table of the record says the same in words. */

import uPlot from "../../vendor/uplot/uPlot.esm.js";

export class PriceChart {
  constructor(element, label, format) {
    this._element = element;
    const style = getComputedStyle(document.documentElement);
    const clock = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
    const axis = { stroke: style.getPropertyValue("--ink-3"), grid: { stroke: style.getPropertyValue("--line-2") }, ticks: { show: false } };
    this._plot = new uPlot(
      {
        ...this._size(),
        cursor: { points: { size: 7 } },
        legend: { show: false },
        scales: { x: { time: true } },
        series: [
          {},
          {
            label,
            stroke: style.getPropertyValue("--brand"),
            fill: style.getPropertyValue("--brand-soft"),
            width: 2,
            paths: uPlot.paths.stepped({ align: 1 }),
            points: { show: true, size: 5 },
          },
        ],
        axes: [{ ...axis, space: 90, values: (_, ticks) => ticks.map((seconds) => clock.format(seconds * 1000)) }, { ...axis, size: 78, values: (_, ticks) => ticks.map(format) }],
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Asia/Shanghai"),
      },
      [[], []],
      element,
    );
    new ResizeObserver(() => this._plot.setSize(this._size())).observe(element);
  }

  /** Draw the prices: [[seconds], [amount]]. */
  draw(times, prices) {
    this._plot.setData([times, prices]);
  }

  _size() {
    return { width: Math.max(240, this._element.clientWidth), height: Math.max(160, this._element.clientHeight || 220) };
  }
}
