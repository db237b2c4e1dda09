// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package org.elasticsearch.node;

import java.util.Map;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.plugins.ClasspathPlugins;
import org.elasticsearch.plugins.PluginsLoader;
import org.elasticsearch.plugins.PluginsService;
import org.elasticsearch.transport.netty4.Netty4Plugin;

/** A node with the HTTP plugin from the class path. It stands in this package because the seam for plugins is package-private. */
public final class EmbeddedNode extends Node {
    public EmbeddedNode(Settings settings) {
        super(construction(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "e2e")));
    }

    private static NodeConstruction construction(Environment environment) {
        NodeServiceProvider services = new NodeServiceProvider() {
            @Override
            PluginsService newPluginService(Environment prepared, PluginsLoader ignored) {
                return new ClasspathPlugins(prepared, new Netty4Plugin());
            }
        };
        return NodeConstruction.prepareConstruction(environment, null, services, true);
    }
}
