// Package expr is the expression language of the record operators. An expression is parsed once (the syntax is
// that of github.com/expr-lang/expr), checked against an Arrow schema, and compiled to a list of columnar kernels
// that run over blocks of rows; no row costs an allocation, a map access or an interface call.
//
// # Types
//
// Five types exist inside: float (float64), int (int64), bool, string and timestamp. Every Arrow integer is read as
// int, every floating point or decimal column as float, utf8, large_utf8, string_view and dictionaries of them as
// string, timestamps of any unit, date32 and date64 as timestamp. A uint64 above 2^63-1 is read as null. A column of
// another type takes part in is_null only; len also takes lists, and string also takes binary. An int meets a
// float as a float. A bare column name yields the column itself, whatever its type, without a copy.
//
// # Nulls
//
// As in SQL: an operator or function with a null argument yields null. The exceptions: `and` and `or` are
// three-valued (false and null = false, true or null = true); coalesce takes its first argument that is not null;
// is_null answers true or false; a ?: with a null condition takes its second branch. A comparison with null is
// null, so `x == nil` is refused with a hint to is_null. A filter keeps the rows for which its condition is true.
//
// # Outcomes that are not errors
//
// No value of a row stops a run. Integer overflow is null (+ - * abs, unary minus, int, bucket); `/` always yields
// a float, and with two ints a zero divisor yields null; with a float it follows IEEE 754 (1.0/0 is +Inf). x % 0 is
// null for ints and NaN for floats. log(-1) is NaN. NaN differs from everything, itself included. A text that is no
// number or time makes int, float and ts null.
package expr
