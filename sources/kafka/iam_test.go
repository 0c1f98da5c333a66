package kafka

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/gatemeter/gatemeter/internal/servers"
	"github.com/gatemeter/gatemeter/pipeline/batch"
)

// What AWS gives in these tests. The secret must be nowhere in what is said or sent.
const (
	keyID  = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	token  = "IQoJb3JpZ2luX2Vj//+=="
)

// setAWS takes away what this machine may have of AWS, and sets pairs of names and values in the environment. Whoever asks the
// instance's metadata asks the server that it returns the count of requests of.
func setAWS(t *testing.T, pairs ...string) *atomic.Int64 {
	t.Helper()
	asked := &atomic.Int64{}
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(metadata.Close)
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	nothing := filepath.Join(t.TempDir(), "nothing")
	for _, pair := range append([]string{
		"HOME=" + nothing, "AWS_CONFIG_FILE=" + nothing, "AWS_SHARED_CREDENTIALS_FILE=" + nothing,
		"AWS_EC2_METADATA_DISABLED=true", "AWS_EC2_METADATA_SERVICE_ENDPOINT=" + metadata.URL,
	}, pairs...) {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
	return asked
}

// setKeys sets credentials in the environment.
func setKeys(t *testing.T) {
	t.Helper()
	setAWS(t, "AWS_ACCESS_KEY_ID="+keyID, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_SESSION_TOKEN="+token)
}

// checkLogin says what is wrong with a login to host: its fields as Amazon MSK documents them, and its signature, made here as AWS
// documents Signature Version 4.
func checkLogin(payload []byte, host, region string, now time.Time) error {
	var got map[string]string
	if err := json.Unmarshal(payload, &got); err != nil {
		return err
	}
	at, err := time.Parse("20060102T150405Z", got["x-amz-date"])
	if err != nil || now.Sub(at).Abs() > time.Minute {
		return fmt.Errorf("x-amz-date is %q", got["x-amz-date"])
	}
	scope := at.Format("20060102") + "/" + region + "/kafka-cluster/aws4_request"
	query := url.Values{
		"Action": {"kafka-cluster:Connect"}, "X-Amz-Algorithm": {"AWS4-HMAC-SHA256"}, "X-Amz-Credential": {keyID + "/" + scope},
		"X-Amz-Date": {got["x-amz-date"]}, "X-Amz-Expires": {"300"}, "X-Amz-Security-Token": {token}, "X-Amz-SignedHeaders": {"host"},
	}
	empty := sha256.Sum256(nil)
	request := sha256.Sum256([]byte("GET\n/\n" + query.Encode() + "\nhost:" + host + "\n\nhost\n" + hex.EncodeToString(empty[:])))
	key := []byte("AWS4" + secret)
	for _, part := range append(strings.Split(scope, "/"), "AWS4-HMAC-SHA256\n"+got["x-amz-date"]+"\n"+scope+"\n"+hex.EncodeToString(request[:])) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	want := map[string]string{"version": "2020_10_22", "host": host, "user-agent": got["user-agent"], "x-amz-signature": hex.EncodeToString(key)}
	for name, values := range query {
		want[strings.ToLower(name)] = values[0]
	}
	if !maps.Equal(got, want) || got["user-agent"] == "" {
		return fmt.Errorf("shows %v\nwant %v", got, want)
	}
	return nil
}

// TestIAMPayload: what is shown is signed for the broker that is logged in to, with what the environment has.
func TestIAMPayload(t *testing.T) {
	setKeys(t)
	m, err := (&SASL{Mechanism: IAM, Region: "eu-central-1"}).mechanism()
	if err != nil {
		t.Fatal(err)
	}
	if m.Name() != "AWS_MSK_IAM" {
		t.Error(m.Name())
	}
	for _, host := range []string{"b-1.gw.abc123.c2.kafka.eu-central-1.amazonaws.com", "b-2.gw.abc123.c2.kafka.eu-central-1.amazonaws.com"} {
		state, payload, err := m.Start(sasl.WithMetadata(t.Context(), &sasl.Metadata{Host: host, Port: 9098}))
		if err != nil {
			t.Fatal(err)
		}
		if err := checkLogin(payload, host, "eu-central-1", time.Now()); err != nil {
			t.Error(err)
		}
		if done, more, err := state.Next(t.Context(), []byte(`{"version":"2020_10_22","request-id":"x"}`)); !done || more != nil || err != nil {
			t.Error(done, more, err)
		}
	}
}

// iamWorld is a cluster with TLS that takes only this login. What is wrong with one is answered as Kafka does, as is refuse.
func iamWorld(t *testing.T, refuse bool) *world {
	t.Helper()
	certificates := servers.MakeCertificates(t)
	pair, err := tls.LoadX509KeyPair(certificates.ServerCert, certificates.ServerKey)
	if err != nil {
		t.Fatal(err)
	}
	w := newSerialWorld(t, kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}))
	w.client = w.newClient(kgo.DialTLSConfig(certificates.ClientConfig(t, "", "")))
	w.set.TLS = &TLS{CAFile: certificates.CA}
	w.set.SASL = &SASL{Mechanism: IAM, Region: "eu-central-1"}
	w.cluster.ControlKey(int16(kmsg.SASLHandshake), func(r kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		a := r.ResponseKind().(*kmsg.SASLHandshakeResponse)
		if a.SupportedMechanisms = []string{"AWS_MSK_IAM"}; r.(*kmsg.SASLHandshakeRequest).Mechanism != "AWS_MSK_IAM" {
			a.ErrorCode = kerr.UnsupportedSaslMechanism.Code
		}
		return a, nil, true
	})
	w.cluster.ControlKey(int16(kmsg.SASLAuthenticate), func(r kmsg.Request) (kmsg.Response, error, bool) {
		w.cluster.KeepControl()
		a := r.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		a.SASLAuthBytes = []byte(`{"version":"2020_10_22","request-id":"x"}`)
		err := checkLogin(r.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes, "127.0.0.1", "eu-central-1", time.Now())
		if err != nil {
			t.Error(err)
		}
		if err != nil || refuse {
			a.ErrorCode = kerr.SaslAuthenticationFailed.Code
		}
		return a, nil, true
	})
	return w
}

// TestIAMLogin: a member logs in on each of its connections, to each broker, and gets all partitions.
func TestIAMLogin(t *testing.T) {
	setKeys(t)
	w := iamWorld(t, false)
	m := w.start(nil)
	w.awaitOwned(4, m)
	if err := m.source.Dial(t.Context()); err != nil {
		t.Error(err)
	}
	// As brokers do when a login ends, which on an open connection is not made again.
	var cut atomic.Int64
	for _, key := range []int16{int16(kmsg.Fetch), int16(kmsg.Heartbeat)} {
		w.cluster.ControlKey(key, func(kmsg.Request) (kmsg.Response, error, bool) {
			cut.Add(1)
			return nil, errors.New("the login has ended"), true
		})
	}
	w.await(func() error {
		if n := cut.Load(); n < 2 {
			return fmt.Errorf("%d connections are cut", n)
		}
		return nil
	})
	for partition := range int32(4) {
		w.put(w.client, partition, "after")
	}
	w.await(func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.read) < 4 {
			return fmt.Errorf("%d partitions are read", len(w.read))
		}
		return nil
	})
}

// TestIAMUnready: who cannot log in says why, and no more than that.
func TestIAMUnready(t *testing.T) {
	f := func(name string, refuse bool, want string, env ...string) {
		t.Run(name, func(t *testing.T) {
			setAWS(t, env...)
			w := iamWorld(t, refuse)
			m := w.start(nil)
			w.await(func() error {
				if err := m.source.Ready(); err == nil || !strings.Contains(err.Error(), want) {
					return fmt.Errorf("ready is %v, want %q", err, want)
				}
				return nil
			})
			err := m.source.Dial(t.Context())
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q", err, want)
			}
			for _, hidden := range []string{secret, token, "x-amz-signature"} {
				if strings.Contains(err.Error(), hidden) || m.said.count(hidden) > 0 {
					t.Errorf("%q is said", hidden)
				}
			}
		})
	}
	f("refused", true, "or the AWS identity", "AWS_ACCESS_KEY_ID="+keyID, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_SESSION_TOKEN="+token)
	f("no token", false, "aws_msk_iam: no AWS credentials from a web identity", "AWS_WEB_IDENTITY_TOKEN_FILE=/nowhere", "AWS_ROLE_ARN=arn:aws:iam::1:role/r")
	cut := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer cut.Close()
	f("no answer", false, "aws_msk_iam: no AWS credentials from the container's endpoint: ", "AWS_CONTAINER_CREDENTIALS_FULL_URI="+cut.URL)
}

// TestIAMCredentials: they are asked for when they are needed, from whoever has them, once, and nobody waits for long.
func TestIAMCredentials(t *testing.T) {
	var asked atomic.Int64
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		fmt.Fprintf(w, `{"AccessKeyId": %q, "SecretAccessKey": %q, "Token": %q, "Expiration": %q}`, keyID, secret, token, time.Now().Add(time.Hour).Format(time.RFC3339))
	}))
	defer answers.Close()
	ctx := sasl.WithMetadata(t.Context(), &sasl.Metadata{Host: "b", Port: 9098})
	setAWS(t, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+answers.URL)
	m, err := newIAM("us-east-1")
	if err != nil || asked.Load() != 0 {
		t.Fatal(err, asked.Load())
	}
	for range 3 {
		_, payload, err := m.Start(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := checkLogin(payload, "b", "us-east-1", time.Now()); err != nil {
			t.Error(err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}

	metadata := setAWS(t, "AWS_EC2_METADATA_DISABLED=false", "AWS_CONTAINER_CREDENTIALS_FULL_URI=")
	if m, err = newIAM("us-east-1"); err != nil || metadata.Load() != 0 {
		t.Fatal(err, metadata.Load())
	}
	if _, _, err := m.Start(ctx); err == nil || !strings.HasPrefix(err.Error(), "aws_msk_iam: no AWS credentials from the instance's metadata: ") || metadata.Load() == 0 {
		t.Error(err, metadata.Load())
	}

	hold := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hold }))
	defer silent.Close()
	defer close(hold)
	setAWS(t, "AWS_CONTAINER_CREDENTIALS_FULL_URI="+silent.URL)
	if m, err = newIAM("us-east-1"); err != nil {
		t.Fatal(err)
	}
	if m.wait != credentialsTimeout {
		t.Errorf("waits %v", m.wait)
	}
	m.wait = 20 * time.Millisecond
	if _, _, err := m.Start(ctx); err == nil || err.Error() != "aws_msk_iam: no AWS credentials from the container's endpoint in time" {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	m.wait = credentialsTimeout
	if _, _, err := m.Start(gone); err == nil {
		t.Error("a login after its end")
	}
}

// TestLogin: what is there and what is missing is known without asking anybody.
func TestLogin(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	profiles := file("config", "[default]\nregion = eu-north-1\n[profile gw]\nregion = eu-south-1\naws_access_key_id = "+keyID+"\naws_secret_access_key = "+secret+
		"\n[profile role]\nregion = eu-west-3\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = gw\n")
	keys := []string{"AWS_ACCESS_KEY_ID=" + keyID, "AWS_SECRET_ACCESS_KEY=" + secret}
	f := func(region, want string, env ...string) {
		t.Helper()
		asked := setAWS(t, append([]string{"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_REGION=", "AWS_DEFAULT_REGION=", "AWS_PROFILE="}, env...)...)
		got, err := (&SASL{Mechanism: IAM, Region: region}).Login()
		if err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, want) || asked.Load() > 0 || strings.Contains(got, secret) {
			t.Errorf("%q with %q: %q, want %q; the metadata is asked %d times", region, env, got, want, asked.Load())
		}
	}
	f("", "aws_msk_iam: no AWS region: set region, or AWS_REGION, or the region of an AWS profile")
	f("", "aws_msk_iam: no AWS region", keys...)
	f("eu-west-1", "aws_msk_iam: no AWS credentials: none in the environment")
	f("eu-west-1", "aws_msk_iam: no AWS credentials: none in the environment", keys[0])
	f("eu-west-1", "aws_msk_iam in eu-west-1, credentials from the environment", keys...)
	f("", "aws_msk_iam in eu-west-2, credentials from the environment", append(slices.Clone(keys), "AWS_REGION=eu-west-2")...)
	f("eu-west-1", "aws_msk_iam in eu-west-1, credentials from the environment", append(slices.Clone(keys), "AWS_REGION=eu-west-2")...)
	f("", "aws_msk_iam in eu-south-1, credentials from an AWS profile", "AWS_CONFIG_FILE="+profiles, "AWS_PROFILE=gw")
	f("", "aws_msk_iam in eu-west-3, credentials from an AWS profile", "AWS_CONFIG_FILE="+profiles, "AWS_PROFILE=role")
	f("", "aws_msk_iam: AWS settings: ", "AWS_CONFIG_FILE="+profiles, "AWS_PROFILE=none")
	f("", "aws_msk_iam: no AWS credentials", "AWS_CONFIG_FILE="+profiles)
	f("", "aws_msk_iam in eu-north-1, credentials from the instance's metadata", "AWS_CONFIG_FILE="+profiles, "AWS_EC2_METADATA_DISABLED=false")
	f("", "aws_msk_iam in eu-north-1, credentials from the instance's metadata", "AWS_CONFIG_FILE="+profiles, "AWS_EC2_METADATA_DISABLED=false", "AWS_DEFAULTS_MODE=auto")
	f("x", "aws_msk_iam in x, credentials from a web identity", "AWS_WEB_IDENTITY_TOKEN_FILE="+profiles, "AWS_ROLE_ARN=arn:aws:iam::1:role/r")
	f("x", "aws_msk_iam in x, credentials from the container's endpoint", "AWS_WEB_IDENTITY_TOKEN_FILE=", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/x")

	if got, err := (&SASL{Mechanism: "plain", Username: "u", Password: secret}).Login(); got != "plain" || err != nil {
		t.Error(got, err)
	}
}

// TestIAMWithoutTLS: the login is not shown to whoever listens.
func TestIAMWithoutTLS(t *testing.T) {
	setKeys(t)
	w := newSerialWorld(t)
	set := w.set
	set.SASL = &SASL{Mechanism: IAM, Region: "eu-west-1"}
	set.Pool, set.Log = batch.NewPool(64<<10, 0), slog.New(slog.DiscardHandler)
	if _, err := New(set); err == nil || !strings.Contains(err.Error(), "aws_msk_iam without TLS") {
		t.Error(err)
	}
}
