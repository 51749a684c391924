// Package policy says what should be done about an incident: YAML policies with selectors, default measures, measures
// narrowed to some of the matches, delays, approval, ladders of times, and time windows. A policy set is immutable;
// evaluating one changes nothing and tells of each selector why it did or did not match.
package policy
