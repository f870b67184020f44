using System.Runtime.InteropServices;

namespace Berth.Linux.Netlink;

/// <summary>NLMSG_ERROR and the end of a dump: an error number, and the kernel's explanation where it has one (NETLINK_EXT_ACK, netlink(7)).</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct NetlinkAcknowledgement(Errno Errno, string Explanation)
{
    private const int NLMSGERR_ATTR_MSG = 1, NLMSGERR_ATTR_OFFS = 2, NLMSGERR_ATTR_MISS_TYPE = 5;

    /// <exception cref="InvalidDataException">It is cut.</exception>
    public static NetlinkAcknowledgement Read(in NetlinkMessage message)
    {
        int code = message.Payload.Length >= sizeof(int)
            ? MemoryMarshal.Read<int>(message.Payload)
            : throw new InvalidDataException($"netlink acknowledgement of {message.Payload.Length} bytes");
        if (code > 0 || code < -4095)
            throw new InvalidDataException($"netlink acknowledgement with the error number {code}");
        return new NetlinkAcknowledgement((Errno)(-code), Explain(message));
    }

    /// <summary>What to throw for it.</summary>
    public LinuxException ToException(string call, string subject) =>
        new(Errno, call, Explanation.Length == 0 ? subject : subject.Length == 0 ? Explanation : $"{subject}: {Explanation}");

    private static string Explain(in NetlinkMessage message)
    {
        if ((message.Flags & NetlinkFlags.AckAttributes) == NetlinkFlags.None)
            return "";

        // Behind the number: for an error the request's header, and the rest of the request when it was not capped.
        int start = sizeof(int);
        if (message.Type == NetlinkType.ERROR)
        {
            ReadOnlySpan<byte> request = message.Payload[start..];
            if (request.Length < NetlinkWriter.HeaderBytes)
                throw new InvalidDataException("netlink acknowledgement without the request's header");
            bool isCapped = (message.Flags & NetlinkFlags.Capped) != NetlinkFlags.None;
            uint length = isCapped ? NetlinkWriter.HeaderBytes : MemoryMarshal.Read<uint>(request);
            if (length > (uint)request.Length)
                throw new InvalidDataException($"netlink acknowledgement of a request of {length} bytes where there are {request.Length}");
            start += (int)length;
        }

        string text = "";
        uint? offset = null, missing = null;
        foreach (NetlinkAttribute attribute in message.Attributes(start))
        {
            switch (attribute.Type)
            {
                case NLMSGERR_ATTR_MSG: text = attribute.Text; break;
                case NLMSGERR_ATTR_OFFS: offset = attribute.UInt32; break;
                case NLMSGERR_ATTR_MISS_TYPE: missing = attribute.UInt32; break;
            }
        }

        if (missing is { } type)
            text += $"{(text.Length == 0 ? "" : ", ")}attribute {type} is missing";
        return offset is { } at ? $"{text}{(text.Length == 0 ? "" : ", ")}at byte {at}" : text;
    }
}
