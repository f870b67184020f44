using System.Net;
using System.Net.Sockets;
using Berth.Daemon.Options;
using Berth.Daemon.Tests.Support;
using Berth.Model;

namespace Berth.Daemon.Tests.Options;

public sealed class ListenAddressTests
{
    [Fact]
    public void Addresses()
    {
        Assert.Equal(new ListenAddress("/run/x.sock", null), ListenAddress.Parse("unix:///run/x.sock"));
        Assert.Equal(new ListenAddress(null, new IPEndPoint(IPAddress.Loopback, 2375)), ListenAddress.Parse("tcp://127.0.0.1:2375"));
        Assert.Equal(new ListenAddress(null, new IPEndPoint(IPAddress.IPv6Loopback, 80)), ListenAddress.Parse("tcp://[::1]:80"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("/run/x.sock")]
    [InlineData("unix://")]
    [InlineData("fd://")]
    [InlineData("tcp://")]
    [InlineData("tcp://127.0.0.1")]
    [InlineData("tcp://localhost:2375")]
    [InlineData("tcp://127.0.0.1:99999")]
    [InlineData("http://127.0.0.1:80")]
    public void Anything_else_is_refused(string text) => Refusal.Of(ErrorKind.InvalidArgument, $"invalid host \"{text}\"", () => ListenAddress.Parse(text));

    [Fact]
    public void A_path_longer_than_a_socket_address_is_refused()
    {
        ListenAddress.Parse("unix:///" + new string('x', 106));
        Refusal.Of(ErrorKind.InvalidArgument, "107", () => ListenAddress.Parse("unix:///" + new string('x', 107)));
    }

    [Fact]
    public void A_dead_socket_is_removed_and_a_live_one_is_not()
    {
        string folder = Directory.CreateTempSubdirectory("berth-daemon-test-").FullName;
        try
        {
            string path = Path.Combine(folder, "s");
            ListenAddress address = ListenAddress.Parse("unix://" + path);
            address.RemoveStale();
            using (var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
            {
                listener.Bind(new UnixDomainSocketEndPoint(path));
                listener.Listen();
                Refusal.Of(ErrorKind.Conflict, path, address.RemoveStale);
            }

            File.WriteAllText(path, "");
            address.RemoveStale();
            Assert.False(File.Exists(path));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
