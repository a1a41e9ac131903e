package cases

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/sluice-stream/sluice/features"
	"github.com/sluice-stream/sluice/internal/config"
	"github.com/sluice-stream/sluice/learn"
)

// hotelFields are the 29 fields of the hotel bookings, as in examples/hotel-bookings.yaml.
const hotelFields = `{categorical: [hotel, arrival_date_year, arrival_date_month, arrival_date_week_number,
  arrival_date_day_of_month, meal, country, market_segment, distribution_channel, is_repeated_guest,
  reserved_room_type, assigned_room_type, deposit_type, agent, company, customer_type],
  numeric: {lead_time: log2floor, stays_in_weekend_nights: log2floor, stays_in_week_nights: log2floor,
  adults: log2floor, children: log2floor, babies: log2floor, previous_cancellations: log2floor,
  previous_bookings_not_canceled: log2floor, booking_changes: log2floor, days_in_waiting_list: log2floor,
  adr: log2floor, required_car_parking_spaces: log2floor, total_of_special_requests: log2floor}}`

// encoded are all rows of a file with the length of the table that they need.
type encoded struct {
	learn.Batch
	table int
}

func encodeHotel(ctx context.Context, path string) (*encoded, error) {
	cfg := features.DefaultFields()
	if err := config.DecodeText([]byte(hotelFields), &cfg); err != nil {
		return nil, err
	}
	enc, err := features.NewEncoder(cfg)
	if err != nil {
		return nil, err
	}
	src, err := openParquet(ctx, path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	if err := enc.Bind(src.Schema()); err != nil {
		return nil, err
	}
	out := &encoded{}
	for {
		rec, err := src.Next(ctx, 8192)
		if errors.Is(err, io.EOF) {
			out.table = enc.Rows()
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		err = out.add(enc, rec)
		rec.Release()
		if err != nil {
			return nil, err
		}
	}
}

func (d *encoded) add(enc *features.Encoder, rec arrow.Record) error {
	n := int(rec.NumRows())
	if err := enc.Encode(rec, 0, n, &d.Batch, true); err != nil {
		return err
	}
	at := rec.Schema().FieldIndices("label")
	if len(at) != 1 {
		return fmt.Errorf("want one column label, got %d", len(at))
	}
	labels, ok := rec.Column(at[0]).(*array.Int8)
	if !ok {
		return fmt.Errorf("label: want int8, got %s", rec.Column(at[0]).DataType())
	}
	for i := range n {
		d.Labels = append(d.Labels, float32(labels.Value(i)))
	}
	return nil
}
