// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package com.llmguardian.e2e;

import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.node.EmbeddedNode;

/** Runs one Elasticsearch node on loopback until SIGTERM. Arguments: HTTP port, home folder (data are kept in it). */
public final class ElasticsearchNode {
    public static void main(String[] args) throws Exception {
        LogConfigurator.configureESLogging();
        Settings settings = settings(args[0], args[1]);
        LogConfigurator.configureWithoutConfig(settings);
        EmbeddedNode node = new EmbeddedNode(settings);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node)));
        node.start();
        System.out.println("elasticsearch ready on 127.0.0.1:" + args[0]);
        new CountDownLatch(1).await();
    }

    private static Settings settings(String httpPort, String home) {
        return Settings.builder()
            .put("path.home", home)
            .put("cluster.name", "e2e")
            .put("node.name", "e2e")
            .put("discovery.type", "single-node")
            .put("network.host", "127.0.0.1")
            .put("http.port", httpPort)
            .put("transport.port", "0")
            .put("transport.type", "netty4")
            .put("http.type", "netty4")
            // A test machine's disk may be nearly full: that must not turn the indices read-only.
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .build();
    }

    private static void close(EmbeddedNode node) {
        try {
            node.close();
        } catch (IOException e) {
            e.printStackTrace();
        }
    }
}
