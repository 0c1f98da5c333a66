package servers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Graphite is carbon-cache and graphite-web over the same whisper files.
type Graphite struct {
	Carbon, Web *Server

	Plaintext string // address of the plaintext protocol, TCP and UDP
	Pickle    string // address of the pickle protocol
	URL       string // http://127.0.0.1:PORT of graphite-web
	Dir       string // whisper/ lies in it
	t         testing.TB
}

// Retentions are carbon's, in storage-schemas.conf's words: 10s:1d,1m:30d.
type Retentions string

// StartGraphite starts both. Every series is kept with the retentions given; the last value written to a slot wins.
func StartGraphite(t testing.TB, keep Retentions) *Graphite {
	t.Helper()
	dir := t.TempDir()
	web, query := FreeAddress(t), FreeAddress(t)
	g := &Graphite{Plaintext: FreeAddress(t), Pickle: FreeAddress(t), URL: "http://" + web, Dir: dir, t: t}
	for name, text := range map[string]string{
		"conf/storage-schemas.conf":     "[all]\npattern = .*\nretentions = " + string(keep) + "\n",
		"conf/storage-aggregation.conf": "[all]\npattern = .*\nxFilesFactor = 0\naggregationMethod = last\n",
		"conf/carbon.conf":              carbonConf(dir, g, query),
		"conf/gatemeter_graphite.py":    graphiteSettings(dir, query),
		"log/web/info.log":              "", // graphite-web makes its log's files, not their folder
	} {
		mustWrite(t, filepath.Join(dir, name), text)
	}
	env := []string{
		"PYTHONPATH=" + filepath.Join(dir, "conf"), "GRAPHITE_SETTINGS_MODULE=gatemeter_graphite",
		"DJANGO_SETTINGS_MODULE=graphite.settings", "PYTHONDONTWRITEBYTECODE=1",
	}
	python := mustExist(t, "/usr/bin/python3")
	g.Carbon = Start(t, Command{
		Name: "carbon-cache",
		Args: []string{
			python, mustExist(t, "/usr/bin/carbon-cache"), "--config=" + filepath.Join(dir, "conf/carbon.conf"),
			"--pidfile=" + filepath.Join(dir, "carbon.pid"), "--nodaemon", "start",
		},
		Output: filepath.Join(dir, "carbon.log"),
		Ready: func() error {
			for _, address := range []string{g.Plaintext, g.Pickle, query} {
				if err := accepts(address); err != nil {
					return err
				}
			}
			return nil
		},
	})
	g.Web = Start(t, Command{
		Name: "graphite-web",
		Args: []string{
			"/bin/sh", "-c", `"$1" "$2" migrate --run-syncdb && exec "$1" "$3" --bind "$4" --workers 1 --threads 4 --timeout 120 graphite.wsgi:application`,
			"graphite-web", python, mustExist(t, "/usr/bin/graphite-manage"), mustExist(t, "/usr/bin/gunicorn"), web,
		},
		Env:    env,
		Output: filepath.Join(dir, "web.log"),
		Logs:   []string{filepath.Join(dir, "log/web/exception.log")},
		Ready: func() error {
			_, err := g.Query("nothing", time.Unix(0, 0), time.Unix(60, 0))
			return err
		},
	})
	return g
}

func carbonConf(dir string, g *Graphite, query string) string {
	return strings.Join([]string{
		"[cache]",
		"STORAGE_DIR = " + dir,
		"LOCAL_DATA_DIR = " + filepath.Join(dir, "whisper"),
		"CONF_DIR = " + filepath.Join(dir, "conf"),
		"LOG_DIR = " + filepath.Join(dir, "log"),
		"PID_DIR = " + dir,
		"USER =",
		"DATABASE = whisper",
		"MAX_CACHE_SIZE = inf",
		"MAX_UPDATES_PER_SECOND = inf",
		"MAX_CREATES_PER_MINUTE = inf", // Debian's 50 would throttle a test for hours
		"LINE_RECEIVER_INTERFACE = " + host,
		"LINE_RECEIVER_PORT = " + port(g.Plaintext),
		"ENABLE_UDP_LISTENER = True",
		"UDP_RECEIVER_INTERFACE = " + host,
		"UDP_RECEIVER_PORT = " + port(g.Plaintext),
		"PICKLE_RECEIVER_INTERFACE = " + host,
		"PICKLE_RECEIVER_PORT = " + port(g.Pickle),
		"CACHE_QUERY_INTERFACE = " + host,
		"CACHE_QUERY_PORT = " + port(query),
		"LOG_UPDATES = False",
		"LOG_LISTENER_CONN_SUCCESS = False",
		"WHISPER_FALLOCATE_CREATE = False",
		"CARBON_METRIC_INTERVAL = 0",
		"ENABLE_TAGS = True",
		"GRAPHITE_URL = " + g.URL,
		"TAG_UPDATE_INTERVAL = 1",
		"TAG_QUEUE_SIZE = 10000",
		"TAG_BATCH_SIZE = 100",
	}, "\n") + "\n"
}

func graphiteSettings(dir, query string) string {
	return strings.Join([]string{
		"SECRET_KEY = 'test'",
		"ALLOWED_HOSTS = ['*']",
		"TIME_ZONE = 'UTC'",
		"LOG_ROTATION = False",
		"GRAPHITE_ROOT = '/usr/share/graphite-web'",
		"STATIC_ROOT = '/usr/share/graphite-web/static'",
		"CONF_DIR = '" + dir + "/conf'",
		"STORAGE_DIR = '" + dir + "'",
		"LOG_DIR = '" + dir + "/log/web'",
		"INDEX_FILE = '" + dir + "/index'",
		"WHISPER_DIR = '" + dir + "/whisper'",
		"STANDARD_DIRS = ['" + dir + "/whisper']",
		"CARBONLINK_HOSTS = ['" + query + "']",
		"CARBONLINK_TIMEOUT = 10.0",
		"CARBON_METRIC_PREFIX = 'carbon'",
		"TAGDB = 'graphite.tags.localdatabase.LocalDatabaseTagDB'",
		"FETCH_TIMEOUT = 120.0",
		"FIND_TIMEOUT = 120.0",
		"FIND_TOLERANCE = 0",
		"DEFAULT_CACHE_DURATION = 0",
		"REMOTE_BUFFER_SIZE = 0",
		"FUNCTION_PLUGINS = []",
		"DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': '" + dir + "/graphite.db'}}",
	}, "\n") + "\n"
}

// Point is one value of a series.
type Point struct {
	Time  int64 // Unix seconds: the slot's start
	Value float64
}

// Series maps a series' name to its values, oldest first, slots without a value left out.
type Series map[string][]Point

// Render is Query, of which an error that stays fails the test. One that does not is of a file that carbon was just making.
func (g *Graphite) Render(target string, from, until time.Time) (series Series) {
	g.t.Helper()
	Await(g.t, time.Minute, func() (err error) {
		if series, err = g.Query(target, from, until); err != nil {
			err = fmt.Errorf("%w\n%s", err, g.Web.Tails())
		}
		return err
	})
	return series
}

// Query asks graphite-web's /render for the values of target in slots after from and up to until. It is safe for concurrent
// use.
func (g *Graphite) Query(target string, from, until time.Time) (Series, error) {
	q := url.Values{
		"target": {target}, "format": {"json"}, "noNullPoints": {"true"}, "noCache": {"true"},
		"from": {strconv.FormatInt(from.Unix(), 10)}, "until": {strconv.FormatInt(until.Unix(), 10)},
	}
	client := http.Client{Timeout: 2 * time.Minute}
	resp, err := client.Get(g.URL + "/render?" + q.Encode())
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("render %s: %s", target, resp.Status)
	}
	var answer []struct {
		Target     string
		Datapoints [][2]*float64
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("render %s: %w", target, err)
	}
	series := Series{}
	for _, a := range answer {
		for _, p := range a.Datapoints {
			if p[0] != nil {
				series[a.Target] = append(series[a.Target], Point{Time: int64(*p[1]), Value: *p[0]})
			}
		}
	}
	return series, nil
}
