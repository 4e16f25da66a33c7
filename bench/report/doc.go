// Package report holds what benchmark runs found, and shows it: as a table, JSON, CSV, plots (SVG, PNG) and one HTML page
// that needs nothing else.
//
//	Document
//	├── Environment   machine, kernel, mitigations, versions of tools
//	├── Method        how it was measured
//	├── Results       one a system, measure and case, with every repetition's value
//	├── Skipped       what was not measured, and why
//	└── Failures      wrong verdicts: such a run is no comparison
//
// A Result's ratio is the median of the ratios to the baseline in the same repetition, so that a machine that is slower
// for a while does not count against whoever was measured then.
package report
