using System.Globalization;
using Berth.Model;
using Berth.Storage.Builds;

namespace Berth.Build.Frontend;

/// <summary>Users and groups of <c>--chown</c>, looked up in the files of the image that is being built (passwd(5), group(5)).</summary>
internal static class OwnerLookup
{
    private const int MostBytes = 16 << 20;

    /// <summary>Reads <c>user[:group]</c>, names or numbers; without a group it is that of the user's number.</summary>
    /// <exception cref="EngineException">InvalidArgument in docker's words.</exception>
    public static (uint Uid, uint Gid) Find(string owner, Func<BuildFiles> open)
    {
        string[] parts = owner.Split(':');
        if (parts.Length > 2 || parts[0].Length == 0 && parts.Length == 1)
        {
            throw Wrong($"invalid chown string format: {owner}");
        }

        string user = parts[0].Length == 0 ? "0" : parts[0];
        string group = parts.Length == 2 && parts[1].Length > 0 ? parts[1] : user;
        if (IsNumber(user, out uint uid) && IsNumber(group, out uint gid))
        {
            return (uid, gid);
        }

        using BuildFiles files = open();
        uid = IsNumber(user, out uid) ? uid : FindIn(files, "etc/passwd", user) ?? throw Wrong($"can't find uid for user {user}: no such user: {user}");
        gid = IsNumber(group, out gid) ? gid : FindIn(files, "etc/group", group) ?? throw Wrong($"can't find gid for group {group}: no such group: {group}");
        return (uid, gid);
    }

    private static bool IsNumber(string text, out uint number) => uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    // The third field of the line with the name.
    private static uint? FindIn(BuildFiles files, string path, string name)
    {
        foreach (string line in (files.TryReadText(path, MostBytes) ?? "").Split('\n'))
        {
            string[] fields = line.Split(':');
            if (fields.Length > 2 && fields[0] == name && IsNumber(fields[2], out uint number))
            {
                return number;
            }
        }

        return null;
    }

    private static EngineException Wrong(string why) => new(ErrorKind.InvalidArgument, $"unable to convert uid/gid chown string to host mapping: {PrintableText.Of(why)}");
}
