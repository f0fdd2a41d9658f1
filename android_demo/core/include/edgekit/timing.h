// Calling one inference again and again: until it is steady, then for the record.
#pragma once

#include <functional>
#include <optional>
#include <vector>

namespace edgekit {

/// Runs once and returns its seconds.
using Infer = std::function<double()>;

struct WarmUp
{
    int runs;
    double seconds;
    bool steady;
};

struct Sampling
{
    int min_runs;
    double min_s;
    double max_s;
};

/// Runs for at least `min_s` and until the medians of the last two windows agree within `tolerance`.
WarmUp warm_up(const Infer& infer, double min_s, double max_s, double tolerance);

/// Runs until both minima are reached, or `max_s` is over; at least three runs, or `min_runs` if fewer.
std::vector<double> sample(const Infer& infer, const Sampling& sampling);

/// Sleeps until the temperature is no higher than `celsius`, at most `max_s`; returns the seconds slept.
double cool_down(double celsius, double max_s, const std::function<std::optional<double>()>& read);

/// The median; NaN of nothing.
double median(std::vector<double> values);

} // namespace edgekit
