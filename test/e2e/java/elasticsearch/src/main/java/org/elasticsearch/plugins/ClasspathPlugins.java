// Copyright The otelcol-guardian Authors
// SPDX-License-Identifier: Apache-2.0

package org.elasticsearch.plugins;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.elasticsearch.env.Environment;

/** Plugins from the class path. Elasticsearch itself loads only those that an installation unpacked under its home folder. */
public final class ClasspathPlugins extends PluginsService {
    private final List<LoadedPlugin> plugins;

    public ClasspathPlugins(Environment environment, Plugin... plugins) {
        super(environment.settings(), environment.configDir(), PluginsLoader.createPluginsLoader(Set.of(), Set.of(), Map.of(), false));
        this.plugins = Stream.of(plugins).map(ClasspathPlugins::loaded).toList();
    }

    @Override
    protected List<LoadedPlugin> plugins() {
        return plugins;
    }

    private static LoadedPlugin loaded(Plugin plugin) {
        String name = plugin.getClass().getName();
        PluginDescriptor descriptor = new PluginDescriptor(name, name, "", "", "", name, null, List.of(), false, false, true, false);
        return new LoadedPlugin(descriptor, plugin, plugin.getClass().getClassLoader());
    }
}
