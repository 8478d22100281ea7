//go:build amd64 || arm64 || 386 || ppc64le || s390x

package plan

// wordwise is 1 where the processor takes a word from any address.
const wordwise = 1
