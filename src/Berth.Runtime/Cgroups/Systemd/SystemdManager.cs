using Berth.Linux;
using Berth.Linux.Sockets;

namespace Berth.Runtime.Cgroups.Systemd;

/// <summary>systemd's manager object (org.freedesktop.systemd1(5)): what of it scopes need.</summary>
internal sealed class SystemdManager : IDisposable
{
    private const string Name = "org.freedesktop.systemd1", ManagerInterface = "org.freedesktop.systemd1.Manager", ManagerPath = "/org/freedesktop/systemd1";
    private const string NoSuchUnit = "org.freedesktop.systemd1.NoSuchUnit";

    private readonly DBusConnection connection;
    private readonly string destination;
    private bool isSubscribed;

    private SystemdManager(DBusConnection connection, bool isBus)
    {
        this.connection = connection;
        destination = isBus ? Name : "";
    }

    /// <summary>Connects to the host's systemd or to the user's own, by the message bus, or where there is none by systemd's own socket.</summary>
    /// <exception cref="LinuxException">Nobody is there.</exception>
    /// <exception cref="SystemdException">This user is not let in.</exception>
    public static SystemdManager Connect(bool user)
    {
        string run = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } folder ? folder : $"/run/user/{UnixSocket.OwnUid()}";
        string bus = SocketPath(Environment.GetEnvironmentVariable(user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS"))
            ?? (user ? run + "/bus" : "/run/dbus/system_bus_socket");
        string own = user ? run + "/systemd/private" : "/run/systemd/private";
        bool isBus = File.Exists(bus);
        if (!isBus && !File.Exists(own))
            throw new LinuxException(Errno.ENOENT, "connect", $"{bus}, nor {own} (is systemd running? do without --systemd-cgroup otherwise)");
        return new SystemdManager(DBusConnection.Connect(isBus ? bus : own, isBus), isBus);
    }

    /// <summary>The cgroup of the manager itself, below which its slices are; empty for the root.</summary>
    public string ControlGroup() => Property("ControlGroup").TrimEnd('/');

    /// <summary>The number at the start of the version: 252 for <c>252.39-1~deb12u1</c>; 0 when it does not start with one.</summary>
    public int Version()
    {
        string text = Property("Version").TrimStart('v');
        int digits = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        return int.TryParse(digits < 0 ? text : text[..digits], out int version) ? version : 0;
    }

    /// <summary>Makes and starts a transient unit, and waits until that is done. One of that name that failed before is forgotten first.</summary>
    /// <exception cref="SystemdException">It was refused, or the job failed.</exception>
    public void StartTransientUnit(string unit, IReadOnlyList<UnitProperty> properties)
    {
        try
        {
            Start(unit, properties);
        }
        catch (SystemdException e) when (e.Name == "org.freedesktop.systemd1.UnitExists")
        {
            ResetFailed(unit);
            Start(unit, properties);
        }
    }

    /// <summary>Changes properties of a unit until the next boot.</summary>
    /// <exception cref="SystemdException">It was refused.</exception>
    public void SetProperties(string unit, IReadOnlyList<UnitProperty> properties) => Call("SetUnitProperties", "sba(sv)", body =>
    {
        body.String(unit);
        body.Boolean(true);
        UnitProperty.WriteAll(body, properties);
    });

    /// <summary>Moves processes into a unit's cgroup, or one below it (<c>/</c>: its own); for callers who may not write to the files between here and there.</summary>
    /// <exception cref="SystemdException">It was refused.</exception>
    public void AttachProcesses(string unit, string below, params uint[] pids) => Call("AttachProcessesToUnit", "ssau", body =>
    {
        body.String(unit);
        body.String(below);
        body.Array(sizeof(uint), () => Array.ForEach(pids, body.UInt32));
    });

    /// <summary>Stops a unit, waits until that is done, and has it forgotten; none of that name is fine.</summary>
    /// <exception cref="SystemdException">It was refused.</exception>
    public void Stop(string unit)
    {
        Subscribe();
        try
        {
            string job = Job("StopUnit", "ss", body =>
            {
                body.String(unit);
                body.String("replace");
            });
            WaitFor(job, unit, "stop");
        }
        catch (SystemdException e) when (e.Name == NoSuchUnit)
        {
        }

        ResetFailed(unit);
    }

    /// <inheritdoc/>
    public void Dispose() => connection.Dispose();

    /// <summary>The path in an address like <c>unix:path=/run/bus,guid=X</c>; null when there is none in it.</summary>
    internal static string? SocketPath(string? address)
    {
        foreach (string one in (address ?? "").Split(';'))
        {
            if (!one.StartsWith("unix:", StringComparison.Ordinal))
                continue;
            string? path = Array.Find(one["unix:".Length..].Split(','), static p => p.StartsWith("path=", StringComparison.Ordinal));
            if (path is not null)
                return Uri.UnescapeDataString(path["path=".Length..]);
        }

        return null;
    }

    private void Start(string unit, IReadOnlyList<UnitProperty> properties)
    {
        Subscribe();
        string job = Job("StartTransientUnit", "ssa(sv)a(sa(sv))", body =>
        {
            body.String(unit);
            body.String("replace");
            UnitProperty.WriteAll(body, properties);
            body.Array(8, static () => { });
        });
        WaitFor(job, unit, "start");
    }

    private void ResetFailed(string unit)
    {
        try
        {
            Call("ResetFailedUnit", "s", body => body.String(unit));
        }
        catch (SystemdException e) when (e.Name == NoSuchUnit)
        {
        }
    }

    private void Subscribe()
    {
        if (isSubscribed || destination.Length == 0)
            return; // without a bus every signal comes
        connection.AddMatch($"type='signal',sender='{Name}',path='{ManagerPath}',interface='{ManagerInterface}',member='JobRemoved'");
        Call("Subscribe", "", static _ => { });
        isSubscribed = true;
    }

    private string Job(string method, string signature, Action<DBusWriter> arguments)
    {
        var reader = new DBusReader(Call(method, signature, arguments).Body);
        return reader.String();
    }

    private void WaitFor(string job, string unit, string what)
    {
        while (true)
        {
            // JobRemoved(u id, o job, s unit, s result)
            var reader = new DBusReader(connection.WaitForSignal("JobRemoved").Body);
            _ = reader.UInt32();
            if (reader.String() != job)
                continue;
            _ = reader.String();
            string result = reader.String();
            if (result != "done")
                throw new SystemdException("job", $"systemd could not {what} {unit}: its job ended as \"{result}\"");
            return;
        }
    }

    private DBusMessage Call(string method, string signature, Action<DBusWriter> arguments) =>
        connection.Call(destination, ManagerPath, ManagerInterface, method, signature, arguments);

    private string Property(string name)
    {
        DBusMessage answer = connection.Call(destination, ManagerPath, "org.freedesktop.DBus.Properties", "Get", "ss", body =>
        {
            body.String(ManagerInterface);
            body.String(name);
        });
        var reader = new DBusReader(answer.Body);
        return reader.Signature() == "s" ? reader.String() : throw new InvalidDataException($"systemd's property {name} is no string");
    }
}
