package elasticsearch

// setupVersion grows when the mapping or a template changes, so that an older one is replaced on start.
const setupVersion = 1

// mapping is the types of what ecs.Append writes, as the Elastic Common Schema has them where plain types allow: `keyword` stands
// for its `wildcard`, `constant_keyword` and `match_only_text`, which not every licence and build has.
//
//   - dynamic is false: what is not listed is kept and shown but not searchable, and can break nothing.
//   - ignore_above keeps a keyword below Lucene's limit of 32766 bytes a term, past which the document would be refused.
//   - source.ip ignores what is no address. Numbers need no such thing: the encoder writes only integers.
const mapping = `{
  "dynamic": false,
  "properties": {
    "@timestamp": {"type": "date"},
    "ecs": {"properties": {"version": {"type": "keyword", "ignore_above": 1024}}},
    "error": {"properties": {
      "code": {"type": "keyword", "ignore_above": 1024},
      "message": {"type": "keyword", "ignore_above": 1024}
    }},
    "event": {"properties": {
      "kind": {"type": "keyword", "ignore_above": 1024},
      "category": {"type": "keyword", "ignore_above": 1024},
      "type": {"type": "keyword", "ignore_above": 1024},
      "outcome": {"type": "keyword", "ignore_above": 1024},
      "dataset": {"type": "keyword", "ignore_above": 1024},
      "duration": {"type": "long"},
      "original": {"type": "keyword", "index": false, "doc_values": false}
    }},
    "gateway": {"properties": {
      "cache": {"type": "keyword", "ignore_above": 1024},
      "consumer": {"type": "keyword", "ignore_above": 1024},
      "duration": {"type": "long"},
      "flags": {"type": "keyword", "ignore_above": 1024},
      "kind": {"type": "keyword", "ignore_above": 1024},
      "route": {"type": "keyword", "ignore_above": 1024},
      "shard": {"type": "keyword", "ignore_above": 1024},
      "stage": {"type": "keyword", "ignore_above": 1024},
      "upstream": {"properties": {
        "address": {"type": "keyword", "ignore_above": 1024},
        "duration": {"type": "long"},
        "status_code": {"type": "long"},
        "tries": {"type": "long"}
      }}
    }},
    "http": {"properties": {
      "request": {"properties": {
        "body": {"properties": {"bytes": {"type": "long"}}},
        "bytes": {"type": "long"},
        "id": {"type": "keyword", "ignore_above": 1024},
        "method": {"type": "keyword", "ignore_above": 1024},
        "referrer": {"type": "keyword", "ignore_above": 4096}
      }},
      "response": {"properties": {
        "body": {"properties": {"bytes": {"type": "long"}}},
        "bytes": {"type": "long"},
        "status_code": {"type": "long"}
      }},
      "version": {"type": "keyword", "ignore_above": 1024}
    }},
    "log": {"properties": {
      "file": {"properties": {"path": {"type": "keyword", "ignore_above": 4096}}},
      "offset": {"type": "long"}
    }},
    "service": {"properties": {"name": {"type": "keyword", "ignore_above": 1024}}},
    "source": {"properties": {
      "address": {"type": "keyword", "ignore_above": 1024},
      "ip": {"type": "ip", "ignore_malformed": true},
      "port": {"type": "long"}
    }},
    "tls": {"properties": {
      "cipher": {"type": "keyword", "ignore_above": 1024},
      "version": {"type": "keyword", "ignore_above": 1024}
    }},
    "trace": {"properties": {"id": {"type": "keyword", "ignore_above": 1024}}},
    "url": {"properties": {
      "domain": {"type": "keyword", "ignore_above": 1024},
      "original": {"type": "keyword", "ignore_above": 4096},
      "path": {"type": "keyword", "ignore_above": 4096},
      "query": {"type": "keyword", "ignore_above": 4096},
      "scheme": {"type": "keyword", "ignore_above": 1024}
    }},
    "user": {"properties": {"name": {"type": "keyword", "ignore_above": 1024}}},
    "user_agent": {"properties": {"original": {"type": "keyword", "ignore_above": 4096}}}
  }
}`
