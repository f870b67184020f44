using System.Security.Cryptography;
using Berth.Model;

namespace Berth.Network.Ipam;

/// <summary>Where pools for networks that name none come from: blocks of <see cref="Size"/> out of <see cref="Base"/> (docker's default-address-pools).</summary>
public sealed record AddressPoolSource
{
    /// <exception cref="EngineException"><see cref="ErrorKind.InvalidArgument"/> when the size is not one of a part of the base.</exception>
    public AddressPoolSource(Subnet pool, int size)
    {
        if (size < pool.PrefixLength || size > pool.Address.Bits - 2)
        {
            throw new EngineException(ErrorKind.InvalidArgument,
                $"invalid default address pool: base {pool} with size {size}: wanted a size from {pool.PrefixLength} to {pool.Address.Bits - 2}");
        }

        Base = pool;
        Size = size;
    }

    /// <summary>Out of which block.</summary>
    public Subnet Base { get; }

    /// <summary>The prefix length of each pool.</summary>
    public int Size { get; }

    /// <summary>Ours: the blocks docker uses, 172.17.0.0/16 to 172.31.0.0/16 and 192.168.0.0/16, each in 256 pools of 256 addresses.</summary>
    public static IReadOnlyList<AddressPoolSource> Defaults { get; } = Blocks(24, 24);

    /// <summary>docker's: the same blocks in pools of /16 and /20, thirty-one in all.</summary>
    public static IReadOnlyList<AddressPoolSource> DockerDefaults { get; } = Blocks(16, 20);

    /// <summary>
    /// A unique local prefix (RFC 4193) in pools of /64: fd, 40 bits out of <paramref name="seed"/>'s SHA-256, 65,536 pools. The same seed gives the same
    /// prefix: it should be random, and kept with the data.
    /// </summary>
    public static AddressPoolSource UniqueLocal(ReadOnlySpan<byte> seed)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(seed, hash);
        Span<byte> bytes = stackalloc byte[16];
        bytes.Clear();
        bytes[0] = 0xfd;
        hash[..5].CopyTo(bytes[1..]);
        return new AddressPoolSource(Subnet.Of(NetAddress.FromBytes(bytes), 48), 64);
    }

    private static AddressPoolSource[] Blocks(int size, int lastSize) =>
    [
        .. Enumerable.Range(17, 15).Select(second => new AddressPoolSource(Subnet.Parse($"172.{second}.0.0/16"), size)),
        new AddressPoolSource(Subnet.Parse("192.168.0.0/16"), lastSize),
    ];
}
