package gatemeter;

import org.elasticsearch.Build;
import org.elasticsearch.ResourceNotFoundException;
import org.elasticsearch.action.datastreams.CreateDataStreamAction;
import org.elasticsearch.action.support.master.AcknowledgedResponse;
import org.elasticsearch.client.internal.node.NodeClient;
import org.elasticsearch.cluster.AckedClusterStateUpdateTask;
import org.elasticsearch.cluster.ClusterState;
import org.elasticsearch.cluster.health.ClusterStateHealth;
import org.elasticsearch.cluster.metadata.DataStream;
import org.elasticsearch.cluster.metadata.Metadata;
import org.elasticsearch.cluster.metadata.MetadataDataStreamsService;
import org.elasticsearch.cluster.metadata.MetadataIndexTemplateService;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.regex.Regex;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.core.TimeValue;
import org.elasticsearch.index.Index;
import org.elasticsearch.index.IndexNotFoundException;
import org.elasticsearch.index.IndexVersion;
import org.elasticsearch.rest.BaseRestHandler;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;
import org.elasticsearch.rest.RestResponse;
import org.elasticsearch.rest.RestStatus;
import org.elasticsearch.rest.action.RestToXContentListener;
import org.elasticsearch.xcontent.ToXContent;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentParser;
import org.elasticsearch.xpack.core.ilm.IndexLifecycleMetadata;
import org.elasticsearch.xpack.core.ilm.LifecyclePolicy;
import org.elasticsearch.xpack.core.ilm.LifecyclePolicyMetadata;
import org.elasticsearch.xpack.core.ilm.LifecycleSettings;

import java.io.IOException;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

import static org.elasticsearch.rest.RestRequest.Method.DELETE;
import static org.elasticsearch.rest.RestRequest.Method.GET;
import static org.elasticsearch.rest.RestRequest.Method.HEAD;
import static org.elasticsearch.rest.RestRequest.Method.PUT;

/** REST calls over the server's real state: GET /, _data_stream, and _ilm/policy (stored, never run). */
final class ShimRest {
    private static final TimeValue TIMEOUT = TimeValue.timeValueSeconds(30);

    private final ClusterService cluster;
    private final Settings settings;

    ShimRest(ClusterService cluster, Settings settings) {
        this.cluster = cluster;
        this.settings = settings;
    }

    List<RestHandler> handlers() {
        return List.of(
            handler("main", (request, client) -> this::main, route(GET, "/"), route(HEAD, "/")),
            handler("create_data_stream", this::createDataStream, route(PUT, "/_data_stream/{name}")),
            handler("get_data_stream", this::getDataStreams, route(GET, "/_data_stream"), route(GET, "/_data_stream/{name}")),
            handler("delete_data_stream", this::deleteDataStreams, route(DELETE, "/_data_stream/{name}")),
            handler("put_policy", this::putPolicy, route(PUT, "/_ilm/policy/{name}")),
            handler("get_policy", this::getPolicies, route(GET, "/_ilm/policy"), route(GET, "/_ilm/policy/{name}")),
            handler("delete_policy", this::deletePolicy, route(DELETE, "/_ilm/policy/{name}")));
    }

    private interface Answer {
        void to(RestChannel channel) throws Exception;
    }

    private interface Call {
        Answer prepare(RestRequest request, NodeClient client) throws IOException;
    }

    private static RestHandler.Route route(RestRequest.Method method, String path) {
        return new RestHandler.Route(method, path);
    }

    private static RestHandler handler(String name, Call call, RestHandler.Route... routes) {
        return new BaseRestHandler() {
            @Override
            public String getName() {
                return "shim_" + name;
            }

            @Override
            public List<Route> routes() {
                return List.of(routes);
            }

            @Override
            protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) throws IOException {
                for (String ignored : List.of("expand_wildcards", "include_defaults", "verbose", "master_timeout", "timeout")) {
                    request.param(ignored); // what is not read is refused as unknown
                }
                return call.prepare(request, client)::to;
            }
        };
    }

    private void update(RestChannel channel, String what, UnaryOperator<ClusterState> change) {
        cluster.submitUnbatchedStateUpdateTask(what, new AckedClusterStateUpdateTask(TIMEOUT, TIMEOUT,
            new RestToXContentListener<AcknowledgedResponse>(channel)) {
            @Override
            public ClusterState execute(ClusterState state) {
                return change.apply(state);
            }
        });
    }

    private void main(RestChannel channel) throws IOException {
        Build build = Build.current();
        ClusterState state = cluster.state();
        XContentBuilder x = channel.newBuilder().prettyPrint().startObject();
        x.field("name", state.nodes().getLocalNode().getName());
        x.field("cluster_name", state.getClusterName().value());
        x.field("cluster_uuid", state.metadata().clusterUUID());
        x.startObject("version");
        x.field("number", build.qualifiedVersion()).field("build_flavor", build.flavor());
        x.field("build_type", build.type().displayName()).field("build_hash", build.hash());
        x.field("build_date", build.date()).field("build_snapshot", build.isSnapshot());
        x.field("lucene_version", IndexVersion.current().luceneVersion().toString());
        x.field("minimum_wire_compatibility_version", build.minWireCompatVersion());
        x.field("minimum_index_compatibility_version", build.minIndexCompatVersion());
        x.endObject();
        x.field("tagline", "You Know, for Search").endObject();
        channel.sendResponse(new RestResponse(RestStatus.OK, x));
    }

    // Data streams.

    private static Collection<DataStream> dataStreams(ClusterState state, String pattern) {
        Map<String, DataStream> found = new TreeMap<>();
        for (DataStream stream : state.metadata().dataStreams().values()) {
            if (Regex.simpleMatch(pattern.split(","), stream.getName())) {
                found.put(stream.getName(), stream);
            }
        }
        if (found.isEmpty() && pattern.contains("*") == false) {
            throw new IndexNotFoundException(pattern);
        }
        return found.values();
    }

    private Answer createDataStream(RestRequest request, NodeClient client) {
        var create = new CreateDataStreamAction.Request(TIMEOUT, TIMEOUT, request.param("name"));
        return channel -> client.execute(CreateDataStreamAction.INSTANCE, create, new RestToXContentListener<>(channel));
    }

    private Answer getDataStreams(RestRequest request, NodeClient client) {
        String pattern = request.param("name", "*");
        return channel -> {
            ClusterState state = cluster.state();
            XContentBuilder x = channel.newBuilder().startObject().startArray("data_streams");
            for (DataStream stream : dataStreams(state, pattern)) {
                x.startObject().field("name", stream.getName());
                x.startObject("timestamp_field").field("name", "@timestamp").endObject();
                x.startArray("indices");
                for (Index index : stream.getIndices()) {
                    x.startObject().field("index_name", index.getName()).field("index_uuid", index.getUUID()).endObject();
                }
                x.endArray().field("generation", stream.getGeneration());
                String[] indices = stream.getIndices().stream().map(Index::getName).toArray(String[]::new);
                x.field("status", new ClusterStateHealth(state, indices).getStatus().name());
                String template = MetadataIndexTemplateService.findV2Template(state.metadata(), stream.getName(), false);
                if (template != null) {
                    x.field("template", template);
                }
                Settings written = state.metadata().index(stream.getWriteIndex()).getSettings();
                String policy = LifecycleSettings.LIFECYCLE_NAME_SETTING.get(written);
                if (policy.isEmpty() == false) {
                    x.field("ilm_policy", policy);
                }
                x.field("hidden", stream.isHidden()).field("system", stream.isSystem()).endObject();
            }
            channel.sendResponse(new RestResponse(RestStatus.OK, x.endArray().endObject()));
        };
    }

    private Answer deleteDataStreams(RestRequest request, NodeClient client) {
        String pattern = request.param("name");
        return channel -> update(channel, "delete data streams",
            state -> MetadataDataStreamsService.deleteDataStreams(state, new HashSet<>(dataStreams(state, pattern)), settings));
    }

    // Lifecycle policies.

    private static IndexLifecycleMetadata policies(ClusterState state) {
        return state.metadata().custom(IndexLifecycleMetadata.TYPE, IndexLifecycleMetadata.EMPTY);
    }

    private static ClusterState withPolicies(ClusterState state, Map<String, LifecyclePolicyMetadata> all) {
        var changed = new IndexLifecycleMetadata(all, policies(state).getOperationMode());
        return ClusterState.builder(state)
            .metadata(Metadata.builder(state.metadata()).putCustom(IndexLifecycleMetadata.TYPE, changed))
            .build();
    }

    private Answer putPolicy(RestRequest request, NodeClient client) throws IOException {
        String name = request.param("name");
        LifecyclePolicy.validatePolicyName(name);
        LifecyclePolicy policy;
        try (XContentParser parser = request.contentParser()) {
            parser.nextToken(); // {
            parser.nextToken(); // the key
            if ("policy".equals(parser.currentName()) == false) {
                throw new IllegalArgumentException("expected [policy]");
            }
            parser.nextToken();
            policy = LifecyclePolicy.parse(parser, name);
        }
        policy.validate();
        return channel -> update(channel, "put policy", state -> {
            Map<String, LifecyclePolicyMetadata> all = new TreeMap<>(policies(state).getPolicyMetadatas());
            LifecyclePolicyMetadata before = all.get(name);
            long version = before == null ? 1 : before.getVersion() + 1;
            all.put(name, new LifecyclePolicyMetadata(policy, Map.of(), version, System.currentTimeMillis()));
            return withPolicies(state, all);
        });
    }

    private Answer getPolicies(RestRequest request, NodeClient client) {
        String pattern = request.param("name", "*");
        return channel -> {
            boolean any = pattern.contains("*");
            XContentBuilder x = channel.newBuilder().startObject();
            for (LifecyclePolicyMetadata p : policies(cluster.state()).getPolicyMetadatas().values()) {
                if (Regex.simpleMatch(pattern, p.getName())) {
                    any = true;
                    x.startObject(p.getName()).field("version", p.getVersion()).field("modified_date", p.getModifiedDateString());
                    x.field("policy");
                    p.getPolicy().toXContent(x, ToXContent.EMPTY_PARAMS);
                    x.endObject();
                }
            }
            if (any == false) {
                throw new ResourceNotFoundException("Lifecycle policy not found: {}", pattern);
            }
            channel.sendResponse(new RestResponse(RestStatus.OK, x.endObject()));
        };
    }

    private Answer deletePolicy(RestRequest request, NodeClient client) {
        String name = request.param("name");
        return channel -> update(channel, "delete policy", state -> {
            Map<String, LifecyclePolicyMetadata> all = new TreeMap<>(policies(state).getPolicyMetadatas());
            if (all.remove(name) == null) {
                throw new ResourceNotFoundException("Lifecycle policy not found: {}", name);
            }
            return withPolicies(state, all);
        });
    }
}
