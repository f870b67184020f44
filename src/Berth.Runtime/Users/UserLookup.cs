using System.Globalization;
using Berth.Linux;
using Berth.Runtime.Host;

namespace Berth.Runtime.Users;

/// <summary>Who a process runs as.</summary>
/// <param name="Uid">User.</param>
/// <param name="Gid">Primary group.</param>
/// <param name="AdditionalGids">Supplementary groups.</param>
/// <param name="Home">Home folder; <c>/</c> when none is known.</param>
internal sealed record Identity(uint Uid, uint Gid, IReadOnlyList<uint> AdditionalGids, string Home);

/// <summary>
/// Turns docker's <c>user[:group]</c> into numbers by a root file system's passwd(5) and group(5). A user's groups are those of /etc/group that list
/// the name, unless a group is given. Names win over numbers. Nothing ever wraps: what does not fit 0..2147483647 is refused.
/// </summary>
internal static class UserLookup
{
    private const string Range = "uids and gids must be in range 0-2147483647";

    /// <summary>Looks up <paramref name="user"/>; empty is root.</summary>
    /// <exception cref="ContainerStartException">InvalidConfig: unknown name, number out of range, or a passwd that is no ordinary file.</exception>
    public static Identity Resolve(FileDescriptor root, string user)
    {
        try
        {
            return Resolve(user, RootFiles.TryRead(root, "etc/passwd") ?? "", () => RootFiles.TryRead(root, "etc/group") ?? "");
        }
        catch (InvalidDataException e)
        {
            throw new ContainerStartException(StartFailure.InvalidConfig, $"unable to find user {user}: {e.Message}", e);
        }
    }

    /// <summary>The home folder of a numeric user; <c>/</c> when passwd does not tell.</summary>
    /// <exception cref="ContainerStartException">InvalidConfig: passwd is no ordinary file.</exception>
    public static string HomeOf(FileDescriptor root, uint uid)
    {
        try
        {
            string wanted = uid.ToString(CultureInfo.InvariantCulture);
            string[]? entry = Find(RootFiles.TryRead(root, "etc/passwd") ?? "", e => e.Length > 2 && e[2] == wanted);
            return Home(entry);
        }
        catch (InvalidDataException e)
        {
            throw new ContainerStartException(StartFailure.InvalidConfig, $"unable to find the home folder of user {uid}: {e.Message}", e);
        }
    }

    /// <summary>The lookup on texts; <paramref name="groupFile"/> is read only when needed.</summary>
    /// <exception cref="ContainerStartException">InvalidConfig.</exception>
    internal static Identity Resolve(string user, string passwd, Func<string> groupFile)
    {
        string[] parts = user.Split(':', 2);
        string userName = parts[0], groupName = parts.Length > 1 ? parts[1] : "";
        string searched = userName.Length == 0 ? "0" : userName;
        string[]? entry = Find(passwd, e => e.Length > 3 && (e[0] == userName && userName.Length > 0 || e[2] == searched));

        uint uid, gid = 0;
        if (entry is not null)
        {
            uid = Number(entry[2]) ?? throw Invalid($"unable to find user {user}: passwd entry '{entry[0]}' has uid '{entry[2]}'");
            gid = Number(entry[3]) ?? throw Invalid($"unable to find user {user}: passwd entry '{entry[0]}' has gid '{entry[3]}'");
        }
        else
        {
            uid = Number(searched) ?? throw Invalid($"unable to find user {userName}: no matching entries in passwd file");
        }

        List<uint> additional = [];
        if (groupName.Length > 0)
            gid = Group(groupName, groupFile());
        else if (entry is not null)
            additional = GroupsOf(entry[0], groupFile());
        if (!additional.Contains(gid))
            additional.Insert(0, gid);
        return new Identity(uid, gid, additional, Home(entry));
    }

    private static uint Group(string name, string groupFile)
    {
        string[]? entry = Find(groupFile, e => e.Length > 2 && (e[0] == name || e[2] == name));
        return Number(entry is null ? name : entry[2]) ?? throw Invalid($"unable to find group {name}: no matching entries in group file");
    }

    private static List<uint> GroupsOf(string user, string groupFile)
    {
        var gids = new List<uint>();
        foreach (string line in groupFile.Split('\n'))
        {
            string[] entry = line.Trim().Split(':');
            if (entry.Length < 4 || !entry[3].Split(',').Contains(user))
                continue;
            uint gid = Number(entry[2]) ?? throw Invalid($"unable to find groups of user {user}: group entry '{entry[0]}' has gid '{entry[2]}'");
            if (!gids.Contains(gid))
                gids.Add(gid);
        }

        return gids;
    }

    private static string[]? Find(string file, Func<string[], bool> matches)
    {
        foreach (string line in file.Split('\n'))
        {
            string[] entry = line.Trim().Split(':');
            if (matches(entry))
                return entry;
        }

        return null;
    }

    private static string Home(string[]? entry) => entry is { Length: > 5 } && entry[5].StartsWith('/') ? entry[5] : "/";

    // Null: not a number at all. Numbers that do not fit are an error of their own, as a cast would turn 4294967296 into root.
    private static uint? Number(string text)
    {
        int digits = text.StartsWith('-') || text.StartsWith('+') ? 1 : 0;
        if (text.Length == digits || text.AsSpan(digits).ContainsAnyExceptInRange('0', '9'))
            return null;
        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value is >= 0 and <= int.MaxValue
            ? (uint)value
            : throw Invalid(Range);
    }

    private static ContainerStartException Invalid(string message) => new(StartFailure.InvalidConfig, message);
}
