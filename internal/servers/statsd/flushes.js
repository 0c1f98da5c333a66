// A StatsD backend that appends each flush to config.flushes, one JSON object a line, for tests to read.
'use strict';
const fs = require('fs');

exports.init = function (startupTime, config, events) {
  events.on('flush', function (time, metrics) {
    const sets = {};
    for (const name in metrics.sets) sets[name] = metrics.sets[name].values().length;
    const flush = { time: time, counters: metrics.counters, gauges: metrics.gauges, timers: metrics.timers, sets: sets };
    fs.appendFileSync(config.flushes, JSON.stringify(flush) + '\n');
  });
  return true;
};
