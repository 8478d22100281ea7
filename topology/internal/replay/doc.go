// Package replay bounds a run: it says at which offsets a consumer group begins
// that has none yet, and at which ones its work is done. Both are fixed once, so
// that a run that was broken off goes on to the same end.
package replay
