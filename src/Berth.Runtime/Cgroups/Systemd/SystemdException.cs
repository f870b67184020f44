namespace Berth.Runtime.Cgroups.Systemd;

/// <summary>systemd, or the bus to it, refused.</summary>
public sealed class SystemdException : IOException
{
    /// <param name="name">The error's D-Bus name, such as <c>org.freedesktop.systemd1.NoSuchUnit</c>.</param>
    /// <param name="message">What was asked and why not.</param>
    public SystemdException(string name, string message)
        : base(message) => Name = name;

    /// <summary>The error's D-Bus name.</summary>
    public string Name { get; }
}
