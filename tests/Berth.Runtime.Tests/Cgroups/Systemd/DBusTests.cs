using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Berth.Model.Oci.Runtime;
using Berth.Runtime.Cgroups;
using Berth.Runtime.Cgroups.Systemd;

namespace Berth.Runtime.Tests.Cgroups.Systemd;

public sealed class DBusTests
{
    [Fact]
    public void MessagesAreMarshalledAsSpecified()
    {
        var body = new DBusWriter();
        UnitProperty.WriteAll(body, [UnitProperty.Of("A", true), UnitProperty.Of("B", 5UL), UnitProperty.Of("C", new uint[] { 1, 2 })]);
        // a(sv): length, padding to 8; each: s, g, value.
        Assert.Equal(
            "4000000000000000" // 64 bytes
            + "0100000041000162" + "0000000001000000" // "A", signature "b", true
            + "0100000042000174" + "0000000000000000" + "0500000000000000" // "B", "t", 5
            + "0100000043000261" + "7500000008000000" + "0100000002000000", // "C", "au"
            Convert.ToHexString(body.Bytes));
        var message = new DBusMessage
        {
            Kind = DBusMessageKind.Call, Serial = 7, Path = "/a", Interface = "b.c", Member = "D", Destination = "e.f", Signature = "a(sv)", Body = body.Bytes.ToArray(),
        };
        byte[] bytes = message.ToBytes();
        Assert.Equal(bytes.Length, DBusMessage.TotalBytes(bytes));
        DBusMessage again = DBusMessage.Parse(bytes);
        Assert.Equal(message.Body, again.Body);
        Assert.Equal(message, again, new IgnoringBody());
    }

    [Theory]
    [InlineData("420100010000000001000000000000000000", "byte order 'B'")]
    [InlineData("6C0100010000000001000000FFFFFF7F", "a message of")]
    public void WhatIsNoMessageIsRefused(string hex, string message) =>
        Assert.Contains(message, Assert.Throws<InvalidDataException>(() => DBusMessage.TotalBytes(Convert.FromHexString(hex))).Message);

    [Fact]
    public void CutMessagesAreRefused()
    {
        byte[] bytes = new DBusMessage { Kind = DBusMessageKind.Signal, Serial = 1, Path = "/a", Member = "M" }.ToBytes();
        bytes[17] = 200; // the length of the first field's signature
        Assert.Throws<InvalidDataException>(() => DBusMessage.Parse(bytes));
    }

    [Fact]
    public void TalksToARealBus()
    {
        string folder = Directory.CreateTempSubdirectory("berth-bus").FullName;
        string socket = folder + "/bus";
        string[] arguments = ["--session", "--nofork", "--nopidfile", "--print-address", $"--address=unix:path={socket}"];
        using Process daemon = Process.Start(new ProcessStartInfo("dbus-daemon", arguments) { RedirectStandardOutput = true, UseShellExecute = false })!; // started, not shared
        try
        {
            daemon.StandardOutput.ReadLine();
            using DBusConnection connection = DBusConnection.Connect(socket, isBus: true);
            connection.AddMatch("type='signal',member='NameOwnerChanged'");
            DBusMessage answer = connection.Call(
                "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixProcessID", "s", body => body.String("org.freedesktop.DBus"));
            Assert.Equal((uint)daemon.Id, new DBusReader(answer.Body).UInt32());

            // A signal that comes while an answer is waited for is not lost.
            using (DBusConnection.Connect(socket, isBus: true))
            {
                connection.Call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ListNames", "", static _ => { });
            }

            Assert.StartsWith(":", new DBusReader(connection.WaitForSignal("NameOwnerChanged").Body).String());
            SystemdException refused = Assert.Throws<SystemdException>(() => connection.Call("org.freedesktop.systemd1", "/", "a.b", "C", "", static _ => { }));
            Assert.StartsWith("org.freedesktop.DBus.Error.", refused.Name);
        }
        finally
        {
            daemon.Kill();
            daemon.WaitForExit();
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task NoMessageCanComeInOneReadWithTheEndOfTheGreeting()
    {
        // A peer like systemd without a bus: what it reads behind the greeting's end is not looked at before more comes.
        string folder = Directory.CreateTempSubdirectory("berth-bus").FullName;
        try
        {
            using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            listener.Bind(new UnixDomainSocketEndPoint(folder + "/private"));
            listener.Listen();
            Task<string> greeting = Task.Run(() =>
            {
                using Socket peer = listener.Accept();
                byte[] buffer = new byte[1000];
                int length = 0;
                while (!Encoding.ASCII.GetString(buffer, 0, length).EndsWith("BEGIN\r\n"))
                    length += peer.Receive(buffer.AsSpan(length));
                peer.Send("OK 0123456789abcdef0123456789abcdef\r\n"u8);
                return Encoding.ASCII.GetString(buffer, 0, length);
            });
            DBusConnection.Connect(folder + "/private", isBus: false).Dispose();
            Assert.Equal("\0AUTH EXTERNAL 30\r\nBEGIN\r\n", await greeting);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void LimitsBecomeProperties()
    {
        var resources = new ResourcesSpec
        {
            Cpu = new CpuSpec { Shares = 1024, Quota = 12345, Period = 50000, Cpus = "0-1,9" },
            Memory = new MemorySpec { Limit = 1 << 26, Reservation = 1 << 20 },
            Pids = new PidsSpec(-1),
        };
        IReadOnlyList<CgroupSetting> settings = Berth.Runtime.Cgroups.V2.Limits.Of(resources, _ => null);
        UnitProperty[] properties = [.. ScopeProperties.Limits(settings, 252)];
        Assert.Equal(
            ["CPUWeight=39", "AllowedCPUs=System.Byte[]", "MemoryMax=67108864", "MemoryLow=1048576", "TasksMax=18446744073709551615", "CPUQuotaPeriodUSec=50000", "CPUQuotaPerSecUSec=250000"],
            properties.Select(static p => p.ToString()));
        Assert.Equal([3, 2], (byte[])properties[1].Value);
        Assert.DoesNotContain(ScopeProperties.Limits(settings, 230), static p => p.Name is "AllowedCPUs" or "CPUQuotaPeriodUSec");
    }

    [Fact]
    public void DeviceRulesBecomePropertiesWhereSystemdCanSayThem()
    {
        const string drivers = "Character devices:\n  1 mem\n136 pts\n\nBlock devices:\n  8 sd\n";
        DeviceRuleSpec deny = new() { Allow = false, Access = "rwm" };
        UnitProperty list = ScopeProperties.Devices([deny, new DeviceRuleSpec { Allow = true, Type = "b", Major = 8, Access = "r" }], drivers)[^1];
        var allowed = ((string Device, string Access)[])list.Value;
        Assert.Contains(("block-sd", "r"), allowed);
        Assert.Contains(("/dev/char/1:3", "rwm"), allowed);
        Assert.Contains(("char-pts", "rwm"), allowed);
        Assert.Empty(ScopeProperties.Devices([deny, new DeviceRuleSpec { Allow = true, Type = "b", Major = 77, Access = "r" }], drivers));
        Assert.Empty(ScopeProperties.Devices([new DeviceRuleSpec { Allow = true }], drivers));
    }

    private sealed class IgnoringBody : IEqualityComparer<DBusMessage>
    {
        public bool Equals(DBusMessage? x, DBusMessage? y) => GetHashCode(x!) == GetHashCode(y!); // no nulls are compared

        public int GetHashCode(DBusMessage m) =>
            string.GetHashCode($"{m.Kind} {m.Serial} {m.ReplySerial} {m.Path} {m.Interface} {m.Member} {m.Destination} {m.Signature} {m.ErrorName}", StringComparison.Ordinal);
    }
}
