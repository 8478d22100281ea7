//go:build race

package main

// measuresMore tells that what is measured is not the tool alone.
const measuresMore = true
