using Berth.Engine.Containers;
using Berth.Model;

namespace Berth.Engine.Tests.Support;

/// <summary>Container records with as much as a test cares for.</summary>
internal static class Records
{
    public static ContainerRecord Create(ContainerConfig? config = null, ContainerId? id = null, string name = "test") => new()
    {
        Id = id ?? ContainerId.Create(),
        Name = name,
        Created = DateTimeOffset.UnixEpoch,
        ImageId = Digest.Of("image"u8),
        ChainIds = [],
        Config = config ?? new ContainerConfig { Image = "busybox" },
    };
}
