// Forecasts that go on from where the networks stand: when a candle closes, all of its window but its own
// step has been computed already.
#include <algorithm>

#include "mop/base/check.h"
#include "mop/train/forecaster.h"

namespace mop::train {
namespace {

// The newest row of a branch in place i of the sequences that were built.
UnixMillis newest_row(const dataset::Sequences::Branch& branch, std::size_t i) {
  const auto& [data, first] = branch.starts[i];
  return data->close_time[static_cast<std::size_t>(first) + branch.steps - 1];
}

// Some of the sequences of one branch, and what of them is taken.
struct Part {
  std::size_t branch, first_step, steps;
  std::vector<std::size_t> places;  // in the sequences that were built
};

// (steps, places, inputs) of a part, next to each other.
void gather_rows(const dataset::Sequences& sequences, const Part& part, std::vector<float>& x) {
  const auto& branch = sequences.branches[part.branch];
  const std::size_t inputs = branch.x.size() / (branch.steps * sequences.batch);
  x.resize(part.steps * part.places.size() * inputs);
  auto to = x.begin();
  for (std::size_t t = 0; t < part.steps; ++t) {
    for (const std::size_t place : part.places)
      to = std::copy_n(branch.x.begin() + static_cast<std::ptrdiff_t>(
                                              ((part.first_step + t) * sequences.batch + place) * inputs),
                       inputs, to);
  }
}

// Takes every network through a part; `from`, if any, and `to` name each place's states (networks, size).
template <typename From, typename To>
void run_part(const PreparedNetworks& networks, const Part& part, From from, To to, ForecastWorkspace& w) {
  if (part.places.empty()) return;
  gather_rows(w.sequences, part, w.x);
  const std::size_t rows = part.places.size(), size = nn::cpu::state_size(networks.front().shape());
  w.to.resize(rows * size);
  for (std::size_t n = 0; n < networks.size(); ++n) {
    const auto own = [&](std::vector<float>& states) {
      states.resize(networks.size() * size);
      return states.begin() + static_cast<std::ptrdiff_t>(n * size);
    };
    w.from.clear();
    for (const std::size_t place : part.places) {
      if (std::vector<float>* states = from(place))
        w.from.insert(w.from.end(), own(*states), own(*states) + static_cast<std::ptrdiff_t>(size));
    }
    w.inference.advance(networks[n],
                        {part.branch, part.steps, rows, w.x.data(), w.from.empty() ? nullptr : w.from.data()},
                        w.to.data());
    for (std::size_t i = 0; i < rows; ++i)
      std::copy_n(w.to.begin() + static_cast<std::ptrdiff_t>(i * size), size, own(*to(part.places[i])));
  }
}

std::vector<float>* from_nothing(std::size_t) {
  return nullptr;
}

std::vector<Forecaster::Asked> asked_of(std::span<const Forecaster::AskedFrom> all) {
  std::vector<Forecaster::Asked> asked;
  for (const auto& one : all)
    asked.push_back(one.asked);
  return asked;
}

}  // namespace

// Brings `done` of a branch to the windows that were built: by one step from `warm`, or from their beginning.
void Forecaster::advance(std::span<const AskedFrom> asked, std::size_t branch, ForecastWorkspace& w) {
  const auto& built = w.sequences.branches[branch];
  Part step{branch, built.steps - 1, 1, {}}, whole{branch, 0, built.steps, {}};
  for (std::size_t i = 0; i < asked.size(); ++i) {
    WindowStates& states = asked[i].states[branch];
    const UnixMillis until = newest_row(built, i);
    if (states.done_until == until) continue;  // the same hour again, or another head of the model
    const DurationMillis length = market::length_of(built.starts[i].first->interval);
    (states.warm_until == until - length ? step : whole).places.push_back(i);
    states.done_until = until;
  }
  const PreparedNetworks& networks = *asked[0].asked.forecaster->networks_;
  const auto done = [&](std::size_t i) { return &asked[i].states[branch].done; };
  run_part(
      networks, step, [&](std::size_t i) { return &asked[i].states[branch].warm; }, done, w);
  run_part(networks, whole, from_nothing, done, w);
}

std::vector<HeadForecasts> Forecaster::forecast_from(std::span<const AskedFrom> asked, ForecastWorkspace& w) {
  build(asked_of(asked), w);
  const PreparedNetworks& networks = *asked[0].asked.forecaster->networks_;
  const std::size_t branches = w.sequences.branches.size(),
                    size = nn::cpu::state_size(networks.front().shape());
  for (std::size_t b = 0; b < branches; ++b)
    advance(asked, b, w);
  w.states.resize(branches);
  for (std::size_t n = 0; n < networks.size(); ++n) {
    std::vector<const float*> states;
    for (std::size_t b = 0; b < branches; ++b) {
      w.states[b].clear();
      for (const AskedFrom& one : asked) {
        const auto own = std::span(one.states[b].done).subspan(n * size, size);
        w.states[b].insert(w.states[b].end(), own.begin(), own.end());
      }
      states.push_back(w.states[b].data());
    }
    const auto y = w.inference.finish(networks[n], states, asked.size());
    if (n == 0) w.mean.assign(y.size(), 0.0f);
    for (std::size_t i = 0; i < y.size(); ++i)
      w.mean[i] = n == 0 ? y[i] : w.mean[i] + y[i];
  }
  if (networks.size() > 1) {
    for (float& y : w.mean)
      y /= static_cast<float>(networks.size());
  }
  std::vector<HeadForecasts> out(asked.size());
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Forecaster& f = *asked[i].asked.forecaster;
    f.add_forecast(asked[i].asked,
                   std::span(w.mean).subspan(i * f.model_.shape.outputs, f.model_.shape.outputs), out[i]);
  }
  return out;
}

void Forecaster::warm_up(std::span<const AskedFrom> asked, ForecastWorkspace& w) {
  build(asked_of(asked), w);
  const PreparedNetworks& networks = *asked[0].asked.forecaster->networks_;
  for (std::size_t b = 0; b < w.sequences.branches.size(); ++b) {
    const auto& built = w.sequences.branches[b];
    Part part{b, 1, built.steps - 1, {}};
    for (std::size_t i = 0; i < asked.size(); ++i) {
      WindowStates& states = asked[i].states[b];
      const UnixMillis until = newest_row(built, i);
      if (states.warm_until == until || built.steps == 1) continue;
      part.places.push_back(i);
      states.warm_until = until;
    }
    run_part(
        networks, part, from_nothing, [&](std::size_t i) { return &asked[i].states[b].warm; }, w);
  }
}

}  // namespace mop::train
