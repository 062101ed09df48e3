// Package model has neural networks in whole numbers: a graph of a few operators
// over int32 values with int8 weights, its one encoding, a proof by intervals that
// no sum leaves int32, and an evaluator that gives the same bits on every machine.
//
// spec/ai.md describes the encoding and every operator. The contract at 0x0300
// runs these models and parsctl makes them of ONNX files.
package model
