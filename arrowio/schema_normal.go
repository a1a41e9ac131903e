package arrowio

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/compute"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// normalSchema returns s with the types that operators know, all nullable, without metadata of the writer.
func normalSchema(s *arrow.Schema) *arrow.Schema {
	fields := make([]arrow.Field, s.NumFields())
	for i, f := range s.Fields() {
		fields[i] = arrow.Field{Name: f.Name, Type: normalType(f.Type), Nullable: true}
	}
	return arrow.NewSchema(fields, nil)
}

// normalType returns the type that a column of type t becomes: dictionaries their values, large and view types the
// common ones, the null type utf8, lists and structs of such likewise. All others stay.
func normalType(t arrow.DataType) arrow.DataType {
	switch t := t.(type) {
	case *arrow.DictionaryType:
		return normalType(t.ValueType)
	case *arrow.LargeStringType, *arrow.StringViewType, *arrow.NullType:
		return arrow.BinaryTypes.String
	case *arrow.LargeBinaryType, *arrow.BinaryViewType:
		return arrow.BinaryTypes.Binary
	case arrow.ExtensionType:
		return normalType(t.StorageType())
	case *arrow.LargeListType:
		return arrow.ListOf(normalType(t.Elem()))
	case *arrow.ListType:
		return arrow.ListOf(normalType(t.Elem()))
	case *arrow.FixedSizeListType:
		return arrow.FixedSizeListOf(t.Len(), normalType(t.Elem()))
	case *arrow.StructType:
		fields := make([]arrow.Field, t.NumFields())
		for i, f := range t.Fields() {
			fields[i] = arrow.Field{Name: f.Name, Type: normalType(f.Type), Nullable: true}
		}
		return arrow.StructOf(fields...)
	}
	return t
}

// normalArray returns a as an array of normalType, owned by the caller: a itself where it is plain already.
func normalArray(ctx context.Context, alloc memory.Allocator, a arrow.Array) (arrow.Array, error) {
	want := normalType(a.DataType())
	switch col := a.(type) {
	case *array.Dictionary:
		values, err := normalArray(ctx, alloc, col.Dictionary())
		if err != nil {
			return nil, err
		}
		defer values.Release()
		if text, ok := values.(*array.String); ok {
			return lookUpText(alloc, col, text), nil
		}
		return compute.TakeArrayOpts(compute.WithAllocator(ctx, alloc), values, col.Indices(), compute.TakeOptions{BoundsCheck: true})
	case *array.Null:
		return array.MakeArrayOfNull(alloc, want, a.Len()), nil
	case array.ExtensionArray:
		return normalArray(ctx, alloc, col.Storage())
	case *array.StringView, *array.BinaryView:
		return copyView(alloc, want, a), nil
	}
	if arrow.TypeEqual(a.DataType(), want) {
		a.Retain()
		return a, nil
	}
	switch want.(type) {
	case *arrow.StringType, *arrow.BinaryType:
		return compute.CastArray(compute.WithAllocator(ctx, alloc), a, compute.SafeCastOptions(want))
	case *arrow.ListType, *arrow.FixedSizeListType, *arrow.StructType:
		return normalNested(ctx, alloc, a, want)
	}
	return nil, fmt.Errorf("want a column of a plain type, got %s", a.DataType())
}

// lookUpText writes out a dictionary of strings. An index outside of the dictionary panics, which the caller's
// guard makes an error of the file.
func lookUpText(alloc memory.Allocator, col *array.Dictionary, text *array.String) arrow.Array {
	b := array.NewStringBuilder(alloc)
	defer b.Release()
	b.Reserve(col.Len())
	for i := range col.Len() {
		if col.IsNull(i) || text.IsNull(col.GetValueIndex(i)) {
			b.AppendNull()
			continue
		}
		b.Append(text.Value(col.GetValueIndex(i)))
	}
	return b.NewArray()
}

func copyView(alloc memory.Allocator, want arrow.DataType, a arrow.Array) arrow.Array {
	b := array.NewBuilder(alloc, want)
	defer b.Release()
	b.Reserve(a.Len())
	for i := range a.Len() {
		switch v := a.(type) {
		case *array.StringView:
			if s, ok := b.(*array.StringBuilder); ok && v.IsValid(i) {
				s.Append(v.Value(i))
				continue
			}
		case *array.BinaryView:
			if s, ok := b.(*array.BinaryBuilder); ok && v.IsValid(i) {
				s.Append(v.Value(i))
				continue
			}
		}
		b.AppendNull()
	}
	return b.NewArray()
}

// normalNested rebuilds a list or struct over plain children; offsets and validity are shared.
func normalNested(ctx context.Context, alloc memory.Allocator, a arrow.Array, want arrow.DataType) (arrow.Array, error) {
	old := a.Data()
	if _, ok := a.(*array.LargeList); ok { // offsets differ in width
		cast, err := compute.CastArray(compute.WithAllocator(ctx, alloc), a, compute.SafeCastOptions(arrow.ListOf(a.(*array.LargeList).DataType().(*arrow.LargeListType).Elem())))
		if err != nil {
			return nil, err
		}
		defer cast.Release()
		return normalArray(ctx, alloc, cast)
	}
	children := make([]arrow.ArrayData, len(old.Children()))
	for i, c := range old.Children() {
		arr := array.MakeFromData(c)
		plain, err := normalArray(ctx, alloc, arr)
		arr.Release()
		if err != nil {
			return nil, err
		}
		defer plain.Release()
		children[i] = plain.Data()
	}
	data := array.NewData(want, old.Len(), old.Buffers(), children, old.NullN(), old.Offset())
	defer data.Release()
	return array.MakeFromData(data), nil
}
