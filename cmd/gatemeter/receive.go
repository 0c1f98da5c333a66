package main

import (
	"path/filepath"
	"runtime"
	"time"

	"github.com/gatemeter/gatemeter/config"
	"github.com/gatemeter/gatemeter/internal/admin"
	"github.com/gatemeter/gatemeter/pipeline"
	"github.com/gatemeter/gatemeter/pipeline/batch"
	"github.com/gatemeter/gatemeter/sources/envelope"
	"github.com/gatemeter/gatemeter/sources/listen"
	"github.com/gatemeter/gatemeter/sources/push"
	"github.com/gatemeter/gatemeter/sources/spool"
	"github.com/gatemeter/gatemeter/sources/syslog"
)

// postsRemembered is how many of the last posts are known again when they are sent twice.
const postsRemembered = 10_000

// addReceiver makes a source that others send to, and the spool that it is read back from.
func (p *process) addReceiver(settings *pipeline.SourceSettings, c *config.Config, s *config.Source, pool *batch.Pool, with parts) error {
	spooling := spool.Settings{
		Dir: filepath.Join(c.DataDir, "spool", s.Name), MaxBytes: int64(s.Spool.MaxSize), Now: time.Now, Log: with.log.With("source", s.Name),
	}
	spooling.FsyncEvery, spooling.Always = s.Spool.Interval()
	if s.Spool.Full == "drop_oldest" {
		spooling.Full = spool.DropOldest
	}
	if s.Type == "http" {
		spooling.Keys = postsRemembered
	}
	kept, err := spool.Open(spooling)
	if err != nil {
		return err
	}
	p.close = append(p.close, kept.Close)
	reading := spool.SourceSettings{
		Name: s.Name, Shard: c.Shard, Spool: kept, MaxLine: int(s.MaxLine), Once: with.once, Pool: pool, Log: with.log,
		Indexed: func() int64 { return p.indexed(s.Name) },
	}
	reader, err := spool.NewSource(reading)
	if err != nil {
		return err
	}
	settings.Again = func() (pipeline.Source, error) {
		again := reading
		again.Once, again.Follow, again.Pool, again.Log = false, true, batch.NewPool(bufferSize, 0), with.log.With("reading", "again")
		return spool.NewSource(again)
	}
	var src interface {
		pipeline.Source
		Listen() error
		Ready() error
		Close() error
	}
	if s.Type == "http" {
		src, err = p.newPush(s, kept, reader, with)
	} else {
		src, err = p.newSyslog(s, kept, reader, with)
	}
	if err != nil {
		return err
	}
	if err := src.Listen(); err != nil {
		return err
	}
	settings.Source = src
	p.close = append(p.close, src.Close)
	p.checks = append(p.checks, func() admin.Check { return check("source/"+s.Name, src.Ready()) })
	p.collect = append(p.collect, func(emit func(admin.Sample)) { admin.Spool(s.Name, kept.Stats(), emit) })
	return nil
}

// indexed returns the offset below which every record sink has what the source's spool had.
func (p *process) indexed(source string) int64 {
	stats := p.pipeline.Stats()
	for i := range stats.Partitions {
		if k := &stats.Partitions[i]; k.Source == source {
			return k.Indexed
		}
	}
	return 0
}

func serverTLS(s *config.Source) listen.TLS {
	return listen.TLS{CertFile: s.TLS.Cert, KeyFile: s.TLS.Key, ClientCAFile: s.TLS.CA}
}

// addresses returns where s listens; package config has checked them.
func addresses(s *config.Source, schemes []string) (all []listen.Address, err error) {
	for _, text := range s.Listen {
		a, err := listen.ParseAddress(text, schemes...)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func (p *process) newSyslog(s *config.Source, kept *spool.Spool, reader *spool.Source, with parts) (*syslog.Source, error) {
	at, err := addresses(s, syslog.Schemes())
	if err != nil {
		return nil, err
	}
	peers, err := listen.ParsePeers(s.AllowedSources)
	if err != nil {
		return nil, err
	}
	sockets := s.Sockets
	if sockets == 0 {
		sockets = min(runtime.GOMAXPROCS(0), 4)
	}
	src, err := syslog.New(syslog.Settings{
		Name: s.Name, Listen: at, Spool: kept, Reader: reader, TLS: serverTLS(s), Peers: peers, KeepHeader: s.Header == "keep",
		MaxMessage: int(s.MaxLine), Connections: s.MaxConnections, Idle: s.IdleTimeout, Handshake: s.HandshakeTimeout,
		Sockets: sockets, ReceiveBuffer: int(s.ReceiveBuffer), Once: with.once, Now: time.Now, Log: with.log,
	})
	if err == nil {
		p.collect = append(p.collect, func(emit func(admin.Sample)) { admin.Syslog(s.Name, src.Stats(), emit) })
	}
	return src, err
}

func (p *process) newPush(s *config.Source, kept *spool.Spool, reader *spool.Source, with parts) (*push.Source, error) {
	at, err := addresses(s, push.Schemes())
	if err != nil {
		return nil, err
	}
	peers, err := listen.ParsePeers(s.AllowedSources)
	if err != nil {
		return nil, err
	}
	mode, err := envelope.ParseMode(s.Envelope)
	if err != nil {
		return nil, err
	}
	dedupe, err := push.ParseDedupe(s.Dedupe)
	if err != nil {
		return nil, err
	}
	src, err := push.New(push.Settings{
		Name: s.Name, Listen: at, Spool: kept, Reader: reader, TLS: serverTLS(s), Peers: peers,
		Username: s.Username, Password: s.Password.Reveal(), Token: s.Token.Reveal(), AccessKey: s.AccessKey.Reveal(),
		Envelope: mode, Dedupe: dedupe, MaxMessage: int(s.MaxLine), MaxBody: int64(s.MaxBody), Connections: s.MaxConnections,
		Timeout: s.Timeout, Once: with.once, Now: time.Now, Log: with.log,
	})
	if err == nil {
		p.collect = append(p.collect, func(emit func(admin.Sample)) { admin.HTTP(s.Name, src.Stats(), emit) })
	}
	return src, err
}
