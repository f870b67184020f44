using System.Diagnostics;
using Berth.Model;

namespace Berth.Plugins;

/// <summary>The plugins that have been used. One is looked for and activated when it is asked for the first time; until then there is nothing. Safe for concurrent use.</summary>
public sealed class PluginRegistry : IDisposable
{
    private static readonly PluginCall<object?, ActivateAnswer> Activate = new("Plugin.Activate", null, PluginJson.Default.ActivateAnswer);

    private readonly Lock sync = new();
    private readonly PluginOptions options;
    private readonly PluginDirectory directory;
    private readonly Dictionary<string, Task<Plugin>> plugins = new(StringComparer.Ordinal);

    public PluginRegistry(PluginOptions options)
    {
        this.options = options;
        directory = new PluginDirectory(options);
    }

    /// <summary>The plugin of a name, activated.</summary>
    /// <param name="name">As its socket or file is called.</param>
    /// <param name="kind">What it has to be, such as <c>NetworkDriver</c>.</param>
    /// <param name="patience">How long one is waited for that is there and does not listen yet.</param>
    /// <param name="cancellationToken">Ends the caller's wait; what others wait for goes on.</param>
    /// <exception cref="EngineException">NotFound: nothing tells of one of this name; InvalidArgument: it is something else; Unavailable, Internal: as <see cref="Plugin.CallAsync"/>.</exception>
    public async Task<Plugin> GetAsync(string name, string kind, PluginPatience patience, CancellationToken cancellationToken)
    {
        Task<Plugin> activation;
        lock (sync)
        {
            if (!plugins.TryGetValue(name, out activation!) || activation.IsFaulted)
            {
                plugins[name] = activation = ActivateAsync(name, patience);
            }
        }

        Plugin plugin = await activation.WaitAsync(cancellationToken);
        return plugin.Implements.Contains(kind, StringComparer.Ordinal)
            ? plugin
            : throw new EngineException(ErrorKind.InvalidArgument, $"plugin \"{name}\" does not implement {kind}; it implements {(plugin.Implements.Count == 0 ? "nothing" : string.Join(", ", plugin.Implements))}");
    }

    /// <summary>The names of those that were activated and are of a kind.</summary>
    public IReadOnlyList<string> Activated(string kind)
    {
        lock (sync)
        {
            return [.. plugins.Where(pair => pair.Value.IsCompletedSuccessfully && pair.Value.Result.Implements.Contains(kind, StringComparer.Ordinal)).Select(static pair => pair.Key)];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (sync)
        {
            foreach (Task<Plugin> activation in plugins.Values.Where(static activation => activation.IsCompletedSuccessfully))
            {
                activation.Result.Dispose();
            }

            plugins.Clear();
        }
    }

    private async Task<PluginAddress?> FindAsync(string name, PluginPatience patience)
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            PluginAddress? address = directory.Find(name);
            if (address is not null || patience != PluginPatience.Full || Stopwatch.GetElapsedTime(start) > options.ConnectTime)
            {
                return address;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(500));
        }
    }

    private async Task<Plugin> ActivateAsync(string name, PluginPatience patience)
    {
        await Task.Yield(); // out of the lock
        PluginAddress address = await FindAsync(name, patience) ?? throw new EngineException(ErrorKind.NotFound, $"plugin \"{name}\" not found");
        var plugin = new Plugin(name, address, options, directory);
        try
        {
            plugin.Implements = (await plugin.CallAsync(Activate, null, patience, CancellationToken.None)).Implements;
            return plugin;
        }
        catch
        {
            plugin.Dispose();
            throw;
        }
    }
}
