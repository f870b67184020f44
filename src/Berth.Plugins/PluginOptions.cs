namespace Berth.Plugins;

/// <summary>Where plugins are found, and how long they are waited for.</summary>
public sealed record PluginOptions
{
    /// <summary>Where <c>NAME.sock</c> and <c>NAME/NAME.sock</c> are looked for.</summary>
    public string SocketFolder { get; init; } = "/run/docker/plugins";

    /// <summary>Where <c>NAME.spec</c> and <c>NAME.json</c>, by themselves or in a folder <c>NAME</c>, are looked for, the first one first.</summary>
    public IReadOnlyList<string> SpecFolders { get; init; } = ["/etc/docker/plugins", "/usr/lib/docker/plugins"];

    /// <summary>How long connecting to a plugin that is known is tried again: it may be starting.</summary>
    public TimeSpan ConnectTime { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a plugin has for one answer, from the connection on.</summary>
    public TimeSpan AnswerTime { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>The same for what must not hold up others: an end of a container or a network, a start of the daemon.</summary>
    public TimeSpan EndAnswerTime { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Bytes of an answer, at most.</summary>
    public int MaxAnswer { get; init; } = 1 << 20;
}
