package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatemeter/gatemeter/config"
	"github.com/gatemeter/gatemeter/internal/admin"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/pipeline/record"
	"github.com/gatemeter/gatemeter/sources/envelope"
	"github.com/gatemeter/gatemeter/sources/kafka"
)

// addKafka makes the source of a consumer group.
func (p *process) addKafka(settings *pipeline.SourceSettings, s *config.Source, pool *batch.Pool, with parts) error {
	mode, err := envelope.ParseMode(s.Envelope)
	if err != nil {
		return err
	}
	start, err := startOf(s.Start)
	if err != nil {
		return err
	}
	set := kafkaCluster(s)
	set.Start, set.Envelope, set.MaxLine, set.Once = kafka.Start{Latest: start.End, Since: start.Since}, mode, int(s.MaxLine), with.once
	set.Session, set.Watch, set.Pool, set.Now, set.Log = s.SessionTimeout, s.PartitionWatch, pool, time.Now, with.log
	value := func(v kafka.Value, name string) {
		f, _ := record.Lookup(name) // package config has checked it
		set.Values, settings.Values = append(set.Values, v), append(settings.Values, f)
	}
	if s.Key != "" {
		value(kafka.Value{Key: true}, s.Key)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		value(kafka.Value{Header: name}, s.Headers[name])
	}
	src, err := kafka.New(set)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	settings.Source, settings.Save = src, src.Save
	settings.Again = func() (pipeline.Source, error) {
		// Buffers of its own: those of the live reading must not wait for a sink that is slow.
		return src.Again(batch.NewPool(bufferSize, 0)), nil
	}
	p.close = append(p.close, src.Close)
	p.checks = append(p.checks, func() admin.Check { return check("source/"+s.Name, src.Ready()) })
	p.collect = append(p.collect, func(emit func(admin.Sample)) { admin.Kafka(s.Name, src.Stats(), time.Now(), emit) })
	return nil
}

// kafkaCluster says where a cluster is, how to log in, and what is read of it.
func kafkaCluster(s *config.Source) kafka.Settings {
	set := kafka.Settings{Name: s.Name, Topics: s.Topics, Group: s.Group}
	for _, b := range s.Brokers {
		scheme, address, ok := strings.Cut(b, "://")
		if !ok {
			address = b
		} else if scheme == "tls" {
			set.TLS = &kafka.TLS{CAFile: s.TLS.CA, CertFile: s.TLS.Cert, KeyFile: s.TLS.Key, ServerName: s.TLS.ServerName, SkipVerify: s.TLS.InsecureSkipVerify}
		}
		set.Brokers = append(set.Brokers, address)
	}
	if s.SASL != "" {
		set.SASL = &kafka.SASL{Mechanism: s.SASL, Username: s.Username, Password: s.Password.Reveal(), Region: s.Region}
	}
	return set
}

// tryKafka logs in to the brokers and looks for the topics.
func tryKafka(ctx context.Context, s *config.Source, log *slog.Logger) error {
	set := kafkaCluster(s)
	set.Pool, set.Now, set.Log = batch.NewPool(bufferSize, 0), time.Now, log
	src, err := kafka.New(set)
	if err != nil {
		return err
	}
	return errors.Join(src.Dial(ctx), src.Close())
}
