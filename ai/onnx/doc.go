// Package onnx reads ONNX files and turns statically quantised networks, in the
// QOperator or the QDQ form, into models in whole numbers.
//
// ONNX computes in floating point between whole numbers. A scale is a float32, so
// its 24 bits fit into a multiplier, and the models compute the exact product
// where a runtime rounds once or twice on the way: results are equal where all
// scales are powers of two, and differ by one in rare cases elsewhere.
package onnx
